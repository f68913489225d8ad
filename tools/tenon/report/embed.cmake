# The page of `tenon report`, with Chart.js, becomes a part of the program.
find_file(TENON_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist)
if(NOT TENON_CHART_JS)
  message(FATAL_ERROR "Chart.js 3 is missing: chart.min.js of Debian's package libjs-chart.js. Run tools/setup, or name the "
                      "file in TENON_CHART_JS, or leave the program out with -DTENON_BUILD_CLI=OFF.")
endif()
set(web "${CMAKE_CURRENT_LIST_DIR}/../web")
set(page "${CMAKE_CURRENT_BINARY_DIR}/report_page.cpp")
add_custom_command(
  OUTPUT "${page}"
  COMMAND "${CMAKE_COMMAND}" -D "CHART_JS=${TENON_CHART_JS}" -D "OUTPUT=${page}" -P "${web}/page.cmake"
  DEPENDS "${TENON_CHART_JS}" "${web}/page.cmake" "${web}/report.html" "${web}/report.css" "${web}/elements.js"
          "${web}/charts.js" "${web}/report.js"
  COMMENT "Embedding the page of tenon report"
  VERBATIM)
target_sources(tenon_cli PRIVATE "${page}")
