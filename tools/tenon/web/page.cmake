# Puts the page's parts and Chart.js into a C++ source: cmake -D CHART_JS=FILE -D OUTPUT=FILE -P page.cmake
cmake_minimum_required(VERSION 3.25)
file(READ "${CMAKE_CURRENT_LIST_DIR}/report.html" page)
file(READ "${CMAKE_CURRENT_LIST_DIR}/report.css" style)
set(script "\"use strict\";\n")
foreach(name elements charts report)
  file(READ "${CMAKE_CURRENT_LIST_DIR}/${name}.js" part)
  string(APPEND script "\n${part}")
endforeach()
file(READ "${CHART_JS}" chart)
string(REPLACE "@style@" "${style}" page "${page}")
string(REPLACE "@script@" "${script}" page "${page}")
string(REPLACE "@chart@" "${chart}" page "${page}")

set(marker "@data@")
string(FIND "${page}" "${marker}" at)
string(LENGTH "${marker}" length)
math(EXPR after "${at} + ${length}")
string(SUBSTRING "${page}" 0 ${at} head)
string(SUBSTRING "${page}" ${after} -1 tail)
file(WRITE "${OUTPUT}" "#include \"tools/tenon/report/page_parts.h\"

namespace tenon::cli::report {

extern const std::string_view kPageHead = R\"tenon(${head})tenon\", kPageTail = R\"tenon(${tail})tenon\";

}  // namespace tenon::cli::report
")
