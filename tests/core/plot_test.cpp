#include "tenon/core/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "support/close.h"
#include "support/dot.h"
#include "support/temporary_folder.h"
#include "tenon/core/dot_internal.h"
#include "tenon/core/error.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const Plot kPlot("digraph { a -> b }\n");

/// Sets a variable of the environment for a while.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name), previous_(::getenv(name)) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { ::setenv(name_, previous_.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string previous_;
};

/// Puts back what a program did with SIGCHLD.
class ChildSignal {
 public:
  explicit ChildSignal(void (*handler)(int)) : previous_(::signal(SIGCHLD, handler)) {}
  ~ChildSignal() { ::signal(SIGCHLD, previous_); }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

 private:
  void (*previous_)(int);
};

TEST(Plot, SavesByTheNameOfTheFile) {
  const TemporaryFolder folder;
  for (const char* name : {"x.dot", "x.gv", "x.svg", "x.png", "x.pdf"}) kPlot.save(folder / name);
  EXPECT_EQ(read_bytes(folder / "x.dot"), "digraph { a -> b }\n");
  EXPECT_EQ(read_bytes(folder / "x.gv"), kPlot.dot());
  EXPECT_EQ(read_bytes(folder / "x.svg"), kPlot.svg());
  EXPECT_THAT(read_bytes(folder / "x.png"), StartsWith("\x89PNG\r\n"));
  EXPECT_THAT(read_bytes(folder / "x.pdf"), StartsWith("%PDF-"));
  EXPECT_EQ(texts_of_svg(kPlot.svg()), "a\nb\n");
}

TEST(Plot, RefusesOtherNamesAndPlaces) {
  const TemporaryFolder folder;
  EXPECT_THAT(
      message_of<DataError>([&] { kPlot.save("model.jpg"); }),
      AllOf(StartsWith("Plot::save: the name \"model.jpg\" does not say what kind of file it is"),
            HasSubstr(".dot or .gv (text), .svg, .png or .pdf"), HasSubstr("plot_test.cpp:")));
  EXPECT_THAT(message_of<DataError>([&] { kPlot.save(folder / "svg"); }), HasSubstr("what kind"));
  EXPECT_THAT(message_of<DataError>([&] { kPlot.save(folder / "nothing/x.dot"); }),
              AllOf(StartsWith("Plot::save: cannot write " + (folder / "nothing/x.dot") +
                               ": there is no folder"),
                    HasSubstr("plot_test.cpp:")));
}

TEST(Plot, SaysWhatToInstallWhereGraphvizIsMissing) {
  const TemporaryFolder folder;
  const Environment path("PATH", folder.path());
  EXPECT_THAT(
      message_of<Error>([&] { kPlot.svg(); }),
      AllOf(StartsWith("Plot::svg: there is no Graphviz: no program \"dot\" on the PATH.\n"),
            HasSubstr("Debian package graphviz"), HasSubstr("plot_test.cpp:")));
  EXPECT_THAT(message_of<Error>([&] { kPlot.save(folder / "x.png"); }),
              StartsWith("Plot::save: there is no Graphviz"));
  kPlot.save(folder / "x.dot");  // needs none
  EXPECT_EQ(read_bytes(folder / "x.dot"), kPlot.dot());
}

TEST(Plot, SaysHowGraphvizFails) {
  EXPECT_THAT(message_of<Error>([] { Plot("digraph {\n a -> }").svg(); }),
              AllOf(StartsWith("Plot::svg: Graphviz's program dot ended with exit code 1.\n"),
                    HasSubstr("syntax error in line 2"), HasSubstr("plot_test.cpp:")));
  const TemporaryFolder folder;
  const Environment path("PATH", folder.path());
  const auto program = [&](const std::string& text) {
    write_bytes(folder / "dot", "#!/bin/sh\n" + text);
    ::chmod((folder / "dot").c_str(), 0700);
  };
  program("kill -9 $$\n");
  EXPECT_THAT(message_of<Error>([&] { kPlot.svg(); }), HasSubstr("dot ended with signal 9."));
  program("echo nothing today >&2\n");
  EXPECT_THAT(message_of<Error>([&] { kPlot.svg(); }),
              AllOf(HasSubstr("dot ended with no picture."), HasSubstr("nothing today")));
  ::chmod((folder / "dot").c_str(), 0600);
  EXPECT_THAT(message_of<Error>([&] { kPlot.svg(); }),
              HasSubstr("cannot start Graphviz's program dot: Permission denied"));
}

TEST(Plot, DrawsLargeGraphsOnSeveralThreadsAndLeavesNoChild) {
  std::string dot = "digraph {\n";
  for (int i = 0; i < 1000; ++i)  // more than a pipe holds, in and out
    dot += "n" + std::to_string(i) + " [tooltip=\"" + std::string(200, 'x') + "\"]\n";
  const Plot plot(dot + "}\n");
  std::vector<std::string> pictures(4);
  std::vector<std::thread> threads;
  threads.reserve(pictures.size());
  for (std::string& picture : pictures) threads.emplace_back([&] { picture = plot.svg(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& picture : pictures) {
    EXPECT_THAT(picture, HasSubstr("</svg>"));
    EXPECT_GT(picture.size(), 200U * 1000U);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Plot, WorksInAProgramThatIgnoresItsChildren) {
  const ChildSignal ignored(SIG_IGN);
  EXPECT_THAT(kPlot.svg(), HasSubstr("</svg>"));
  EXPECT_THAT(message_of<Error>([] { Plot("no graph").svg(); }), HasSubstr("syntax error"));
}

TEST(DotText, EscapesWhatIsSyntax) {
  EXPECT_EQ(dot_text("conv1"), "conv1");
  EXPECT_EQ(dot_text("Wrap<a::B> & \"c\\n\""), "Wrap&lt;a::B&gt; &amp; &quot;c\xe2\xa7\xb5n&quot;");
  EXPECT_EQ(dot_text("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  const std::string bad = "\xef\xbf\xbd";
  // control characters, a lone byte, a cut one, an overlong one, a surrogate, beyond Unicode,
  // U+FFFF
  EXPECT_EQ(dot_text("a\nb"), "a" + bad + "b");
  EXPECT_EQ(dot_text("\x7f"), bad);
  EXPECT_EQ(dot_text("\xc2\x85"), bad + bad);
  EXPECT_EQ(dot_text("\xff!"), bad + "!");
  EXPECT_EQ(dot_text("\xe2\x82"), bad + bad);
  EXPECT_EQ(dot_text("\xc0\xaf"), bad + bad);
  EXPECT_EQ(dot_text("\xed\xa0\x80"), bad + bad + bad);
  EXPECT_EQ(dot_text("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(dot_text("\xef\xbf\xbf"), bad + bad + bad);
}

TEST(DotText, ComesOutOfGraphvizAsItWentIn) {
  const auto drawn = [](const std::string& text) {
    return texts_of_svg(
        Plot("digraph { a [label=<" + dot_text(text) + ">, tooltip=\"" + dot_text(text) + "\"] }")
            .svg());
  };
  const std::string text = "<b> &amp; \"q\" | {} [] \xc3\xa4 %s &#65;";
  EXPECT_EQ(drawn(text), text + "\n" + text + "\n");
  EXPECT_EQ(drawn("\\N\\\\n\n"),
            "\xe2\xa7\xb5N\xe2\xa7\xb5\xe2\xa7\xb5n\xef\xbf\xbd\n"
            "\xe2\xa7\xb5N\xe2\xa7\xb5\xe2\xa7\xb5n\xef\xbf\xbd\n");
}

}  // namespace
}  // namespace tenon
