#include "tools/tenon/interrupt.h"

#include <tenon/train/trainer.h>

#include <csignal>

namespace tenon::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};
volatile std::sig_atomic_t caught = 0;

/// But where it is ignored, as under nohup, that stays.
void handle(void (*handler)(int)) {
  for (const int number : kSignals)
    if (std::signal(number, handler) == SIG_IGN) std::signal(number, SIG_IGN);
}

extern "C" void on_signal(int) {
  caught = 1;
  handle(SIG_DFL);
}

}  // namespace

StopOnInterrupt::StopOnInterrupt() {
  caught = 0;
  handle(on_signal);
}

void StopOnInterrupt::on_batch_end(Trainer& trainer) {
  if (caught != 0) trainer.stop("interrupted");
}

// During the validation.
void StopOnInterrupt::on_epoch_end(Trainer& trainer, const Logs&) { on_batch_end(trainer); }

void StopOnInterrupt::on_fit_end(Trainer&) { handle(SIG_DFL); }

bool StopOnInterrupt::was_interrupted() const { return caught != 0; }

}  // namespace tenon::cli
