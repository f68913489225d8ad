#include "tenon/train/checkpointer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "support/temporary_folder.h"

namespace tenon {
namespace {

TEST(Checkpointer, FilesOfAFolderAreListedNewestFirst) {
  const TemporaryFolder folder;
  for (const char* name : {"step-00000009.h5", "step-123456789.h5", "step-00000010.h5", "best.h5",
                           "step-.h5", "step-1x.h5", "step-00000011.h5.tmp", "log.csv"})
    std::ofstream(folder / name) << "x";
  EXPECT_THAT(checkpoints_in(folder.path()),
              testing::ElementsAre(folder / "step-123456789.h5", folder / "step-00000010.h5",
                                   folder / "step-00000009.h5"));
  EXPECT_TRUE(checkpoints_in(folder / "none").empty());
}

}  // namespace
}  // namespace tenon
