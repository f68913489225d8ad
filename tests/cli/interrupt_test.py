"""Ctrl-C: saved, told how to go on, and the run that went on is the straight one."""

import json
import random
import shlex
import signal
import subprocess
import time
import unittest

from support import MNIST, PROGRAM, Case


class Interrupt(Case):
    TRAIN, TEST = 1280, 100

    def start(self, *arguments):
        """The process, when it trains."""
        process = subprocess.Popen([PROGRAM, "train", "lenet5", *map(str, arguments), "--json"], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertIn('"begin"', process.stdout.readline())
        return process

    def test_at_random_moments(self):
        seed = random.SystemRandom().randrange(10**6)
        draw = random.Random(seed)
        options = ["--data", self.data, "--epochs", "12", "--batch-size", "32", "--threads", "1"]
        straight = self.start(*options, "--run", "straight")
        begin = time.monotonic()
        output, _ = straight.communicate()
        seconds = time.monotonic() - begin
        self.assertEqual(straight.returncode, 0)

        process = self.start(*options, "--run", "it is killed")
        stopped = 0
        while stopped < 4:
            time.sleep(draw.uniform(0, seconds / 5))
            process.send_signal((signal.SIGINT, signal.SIGTERM)[stopped % 2])
            output, errors = process.communicate()
            self.assertEqual(process.returncode, 130, f"seed {seed}\n{errors}")
            event = json.loads(output.splitlines()[-1])
            self.assertEqual((event["event"], event["reason"]), ("stopped", "interrupted"))
            self.assertIn(f"saved after step {event['step']}; to go on:\n  {event['go_on']}\n", errors)
            words = shlex.split(event["go_on"])
            self.assertEqual(words, [PROGRAM, "train", "lenet5", "--run", "it is killed", "--resume",
                                     "--threads", "1"])
            stopped += 1
            process = self.start(*words[3:])
        output, errors = process.communicate()
        self.assertEqual(process.returncode, 0, f"seed {seed}\n{errors}")
        self.assert_same_run("straight", "it is killed")

    def test_what_is_printed(self):
        process = self.start("--data", self.data, "--epochs", "1000")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        self.assertRegex(errors, r"\nstopped (in epoch \d+ after batch \d+|after epoch \d+): interrupted\n"
                                 r"saved after step \d+; to go on:\n  \S+ train lenet5 --run runs/lenet5-1 --resume\n$")

    def test_the_second_ends_at_once(self):
        # All images in one batch: the first has not been acted on when the second comes.
        process = self.start("--data", MNIST, "--batch-size", "60000", "--threads", "1", "--run", "x")
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertEqual([path.name for path in (self.folder / "x").glob("*.h5")], [])


if __name__ == "__main__":
    unittest.main()
