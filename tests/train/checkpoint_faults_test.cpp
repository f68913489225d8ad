#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/train/checkpointer.h"
#include "train/session.h"

namespace tenon {
namespace {

/// A folder with two checkpoints of a run, and what becomes of one that is damaged or cannot be
/// written.
class CheckpointFaults : public testing::Test {
 protected:
  CheckpointFaults() : run_({}, 2) {
    run_.trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder_.path()});
    run_.fit();
    bytes_ = read_bytes(newest_);
    older_bytes_ = read_bytes(older_);
  }

  /// The damaged newest file: an error that names it, an untouched trainer, and the older file.
  void expect_refused(const std::string& bytes, const std::string& what) {
    SCOPED_TRACE(what);
    write_bytes(newest_, bytes);
    Session other({}, 2, 2), untouched({}, 2, 2);
    other.trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder_.path()});
    const std::string line = first_line<CheckpointError>([&] { other.trainer.resume(newest_); });
    EXPECT_NE(line.find(newest_), std::string::npos) << line;
    expect_same_bits(other.model, untouched.model);
    EXPECT_EQ(other.trainer.position().step, 0);
    EXPECT_EQ(other.adam.step_count(), 0);
    EXPECT_EQ(resume_newest(other.trainer, folder_.path()).path, older_);
    EXPECT_EQ(other.trainer.position().step, 7);
  }

  TemporaryFolder folder_;
  const std::string older_ = folder_ / "step-00000007.h5";
  const std::string newest_ = folder_ / "step-00000014.h5";
  Session run_;
  std::string bytes_;
  std::string older_bytes_;
};

TEST_F(CheckpointFaults, CutAtEachPercent) {
  for (std::size_t percent = 0; percent < 100; ++percent)
    expect_refused(bytes_.substr(0, bytes_.size() * percent / 100), std::to_string(percent) + " %");
}

TEST_F(CheckpointFaults, AThousandFlippedBits) {
  Rng rng(20261124);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t bit = rng.below(bytes_.size() * 8);
    std::string damaged = bytes_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    expect_refused(damaged, "bit " + std::to_string(bit));
  }
}

/// A place where nothing can be written any more, made in a child process, whose mounts are its
/// own.
enum class Place : std::uint8_t { full, read_only };
class CannotBeWritten : public CheckpointFaults, public testing::WithParamInterface<Place> {
 protected:
  /// 0: as it should be; else what went wrong.
  int run_in_child() {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 101;
    // In a changed root this fails, since "/" is no mount there; the place is unmounted in any
    // case.
    (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    const std::string place = folder_ / "place";
    std::filesystem::create_directory(place);
    const std::string size = "size=" + std::to_string(bytes_.size() * 3 / 2 / 4096 * 4096);
    if (::mount("tmpfs", place.c_str(), "tmpfs", 0, size.c_str()) != 0) return 103;
    const int result = save_to(place);
    ::umount2(place.c_str(), MNT_DETACH);
    return result;
  }

 private:
  int save_to(const std::string& place) {
    const std::string file = place + "/run.h5";
    std::filesystem::copy_file(older_, file);
    if (GetParam() == Place::read_only &&
        ::mount("tmpfs", place.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      return 104;
    const std::string line = first_line<CheckpointError>([&] { run_.trainer.save(file); });
    const char* reason =
        GetParam() == Place::full ? "No space left on device" : "Read-only file system";
    if (line.find(reason) == std::string::npos) return 5;
    if (read_bytes(file) != older_bytes_) return 6;
    Session other({}, 2, 2);
    other.trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder_.path()});
    other.trainer.resume(file);
    if (other.trainer.position().step != 7) return 7;
    // Nothing is left behind.
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(place)) ++files;
    return files == 1 ? 0 : 8;
  }
};

TEST_P(CannotBeWritten, AndLeavesThePreviousFile) {
  // OneTBB's threads stay with the parent: a child has but this one.
  set_num_threads(1);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) try {
      ::_exit(run_in_child());
    } catch (...) {
      ::_exit(9);
    }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) >= 100)
    GTEST_SKIP() << "this machine lets nobody mount a file system here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
INSTANTIATE_TEST_SUITE_P(Places, CannotBeWritten, testing::Values(Place::full, Place::read_only),
                         [](const auto& place) {
                           return std::string(place.param == Place::full ? "Full" : "ReadOnly");
                         });

}  // namespace
}  // namespace tenon
