#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "io/io_support.h"
#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/io/checkpoint.h"
#include "tenon/io/weights.h"
#include "tenon/train/progress.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string save_error(const std::string& path) {
  return message_of<CheckpointError>([&] { save_weights(Zoo(2), path); });
}

TEST(SavingFails, WithTheReasonWhenThePathIsNoPlace) {
  const TemporaryFolder folder;
  write_bytes(folder / "file", "x");
  EXPECT_THAT(save_error(folder / "nothing/x.h5"),
              AllOf(HasSubstr("save_weights: cannot write " + (folder / "nothing/x.h5") +
                              ": there is no folder " + (folder / "nothing")),
                    HasSubstr("atomic_file_test.cpp")));
  EXPECT_THAT(save_error(folder / "file/x.h5"), HasSubstr("file is not a folder"));
  EXPECT_THAT(save_error(folder.path()), HasSubstr("it is a folder"));
  EXPECT_THAT(save_error(folder.path() + "/"), HasSubstr("it is a folder"));
  EXPECT_THAT(save_error("/dev/full"),
              HasSubstr("cannot write /dev/full: it is not a regular file"));
  EXPECT_THAT(save_error(""), HasSubstr("it names no file"));
  EXPECT_THAT(save_error(folder / std::string(300, 'x')), HasSubstr("File name too long"));
  EXPECT_THAT(files_in(folder.path()), ElementsAre("file"));
}

TEST(SavingFails, WithoutPermissionAndLeavesTheOldFile) {
  const TemporaryFolder folder;
  save_weights(Zoo(1), folder / "zoo.h5");
  const std::string old = read_bytes(folder / "zoo.h5");
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                     fs::perms::others_read | fs::perms::others_exec);
  EXPECT_TRUE(in_child([&] {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return false;  // root may write anywhere
    return save_error(folder / "zoo.h5").find("zoo.h5: Permission denied") != std::string::npos;
  }));
  fs::permissions(folder.path(), fs::perms::owner_all);
  EXPECT_EQ(read_bytes(folder / "zoo.h5"), old);
  EXPECT_THAT(files_in(folder.path()), ElementsAre("zoo.h5"));
}

TEST(SavingFails, WhenThereIsNoRoomAndLeavesTheOldFile) {
  const TemporaryFolder folder;
  save_weights(Zoo(1), folder / "zoo.h5");
  const std::string old = read_bytes(folder / "zoo.h5");
  for (const rlim_t room : {0, 100, 512, 1000, 4000}) {
    SCOPED_TRACE(room);
    EXPECT_TRUE(in_child([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{room, room};
      if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
      return save_error(folder / "zoo.h5").find("zoo.h5: File too large") != std::string::npos;
    }));
    EXPECT_EQ(read_bytes(folder / "zoo.h5"), old);
    EXPECT_THAT(files_in(folder.path()), ElementsAre("zoo.h5"));
  }
}

TEST(Saving, ReplacesWhatALinkPointsToAndKeepsItsRights) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "real");
  save_weights(Zoo(1), folder / "real/zoo.h5");
  fs::permissions(folder / "real/zoo.h5", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("real/zoo.h5", folder / "link.h5");
  save_weights(Zoo(2), folder / "link.h5");
  EXPECT_TRUE(fs::is_symlink(folder / "link.h5"));
  Zoo model(3);
  load_weights(model, folder / "real/zoo.h5");
  EXPECT_EQ(bits_of(model), bits_of(Zoo(2)));
  EXPECT_EQ(fs::status(folder / "real/zoo.h5").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST(Saving, WorksInTheCurrentFolder) {
  const TemporaryFolder folder;
  EXPECT_TRUE(in_child([&] {
    fs::current_path(folder.path());
    save_weights(Zoo(1), "zoo.h5");
    Zoo model(2);
    load_weights(model, "zoo.h5");
    return bits_of(model) == bits_of(Zoo(1));
  }));
  EXPECT_THAT(files_in(folder.path()), ElementsAre("zoo.h5"));
}

TEST(Saving, LeavesTemporaryFilesOfLivingWritersAlone) {
  const TemporaryFolder folder;
  const std::string mine = folder / ".zoo.h5.tmp-1-0", dead = folder / ".zoo.h5.tmp-2-0",
                    other = folder / ".other.h5.tmp-3-0";
  for (const std::string& path : {mine, dead, other}) write_bytes(path, "x");
  const int file = ::open(mine.c_str(), O_RDONLY);
  ASSERT_EQ(::flock(file, LOCK_EX | LOCK_NB), 0);
  save_weights(Zoo(1), folder / "zoo.h5");
  EXPECT_TRUE(fs::exists(mine));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(other));
  ::close(file);
}

class Large : public nn::Module {
 public:
  explicit Large(double value) { register_parameter("x", Tensor::full({1 << 19}, value)); }
};

TEST(Saving, KilledAtAnyMomentLeavesALoadableFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  const Large one(1), two(2);
  const double start = steady_seconds();
  save_checkpoint(path, {.model = &one, .step = 1});
  // Some saves long, however slow they are: sanitizers multiply them.
  const double save_microseconds = (steady_seconds() - start) * 1e6;
  const auto latest_kill = static_cast<std::uint64_t>(std::max(20000.0, 8 * save_microseconds));
  Rng rng(20);
  int killed_while_writing = 0;
  Large model(0);
  for (int kill = 0; kill < 50; ++kill) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::int64_t step = 1;; ++step) {
        try {
          save_checkpoint(path, {.model = step % 2 == 0 ? &two : &one, .step = step});
        } catch (...) {
          ::_exit(1);
        }
      }
    }
    ::usleep(static_cast<useconds_t>(2000 + rng.below(latest_kill)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child could not save";
    killed_while_writing += files_in(folder.path()).size() > 1 ? 1 : 0;

    const CheckpointInfo info = load_checkpoint(path, {.model = &model});
    const double want = info.step % 2 == 0 ? 2 : 1;
    ASSERT_EQ(model.parameters().at("x").to_vector<double>(), std::vector<double>(1 << 19, want));
  }
  std::cout << killed_while_writing << " of 50 killed while there was a temporary file\n";
  EXPECT_GT(killed_while_writing, 0) << "no kill hit the moment that matters";
  save_checkpoint(path, {});
  EXPECT_THAT(files_in(folder.path()), ElementsAre("run.h5"))
      << "what killed writers left is removed";
}

}  // namespace
}  // namespace tenon
