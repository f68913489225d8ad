#pragma once

#include <gtest/gtest.h>
#include <stdio.h>

#include <cstddef>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tenon/core/graphviz_internal.h"

namespace tenon {

/// The arrows of a DOT text of ours, each box by the first line of its label, in the order of the
/// text: "conv1 Conv2d -> pool1 AvgPool2d".
inline std::vector<std::string> arrows_of(const std::string& dot) {
  static const std::regex box(R"(^ *(\w+) \[label=<(.*?)(<br/>.*)?>, )"), tag("<[^>]*>"),
      arrow(R"(^ *(\w+) -> (\w+))");
  std::map<std::string, std::string> names;
  std::vector<std::string> arrows;
  std::istringstream lines(dot);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, box))
      names[match[1]] = std::regex_replace(match[2].str(), tag, "");
    else if (std::regex_search(line, match, arrow))
      arrows.push_back(names.at(match[1]) + " -> " + names.at(match[2]));
  }
  return arrows;
}

/// What Graphviz reads out of a DOT text.
struct Counts {
  int nodes = 0;
  int edges = 0;
  bool operator==(const Counts&) const = default;
};
inline std::ostream& operator<<(std::ostream& to, Counts counts) {
  return to << counts.nodes << " nodes, " << counts.edges << " edges";
}
inline Counts counts_of(const std::string& dot) {
  Counts counts;
  std::istringstream lines(run_graphviz("test", dot, "plain", Where::current()));
  for (std::string word, rest; lines >> word && std::getline(lines, rest);) {
    if (word == "node") ++counts.nodes;
    if (word == "edge") ++counts.edges;
  }
  return counts;
}

/// The texts and tooltips of an SVG, one a line, as Python's XML parser reads them; fails where it
/// is not well-formed.
inline std::string texts_of_svg(const std::string& svg) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.svg", svg);
  const std::string program =
      "import sys, xml.etree.ElementTree as tree\n"
      "for element in tree.parse(sys.argv[1]).iter():\n"
      "    if element.tag.endswith('}text'): print(element.text)\n"
      "    for name, value in element.items():\n"
      "        if name.endswith('}title'): print(value)\n";
  write_bytes(folder / "texts.py", program);
  FILE* const pipe =
      ::popen(("PYTHONIOENCODING=utf-8 python3 " + (folder / "texts.py") + " " + (folder / "x.svg"))
                  .c_str(),
              "r");
  std::string text;
  char part[4096];
  for (std::size_t count; (count = ::fread(part, 1, sizeof part, pipe)) > 0;)
    text.append(part, count);
  EXPECT_EQ(::pclose(pipe), 0) << "not well-formed XML";
  return text;
}

}  // namespace tenon
