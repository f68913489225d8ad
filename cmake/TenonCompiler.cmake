# How our own targets are compiled. Nothing here reaches the targets of those who use Tenon.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # a static Tenon may end up in somebody's shared library
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TENON_CCACHE ccache)
  if(TENON_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${TENON_CCACHE}")
  endif()
endif()

# Warnings are errors with the compiler that every change is built with; what a newer one warns about must not stop
# a user's first build. Sanitizers make GCC warn about code that is right.
if(PROJECT_IS_TOP_LEVEL AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13
   AND NOT TENON_SANITIZER)
  set(warnings_are_errors ON)
else()
  set(warnings_are_errors OFF)
endif()
option(TENON_WARNINGS_ARE_ERRORS "Compile our own targets with -Werror" ${warnings_are_errors})

function(tenon_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow)
  if(TENON_WARNINGS_ARE_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False on "literal" + std::string (GCC bug 105651); the other two inside fmt and std::sort at -O3.
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
  endif()
endfunction()

# The definitions below are for .cpp files only: no public header may ask for them.
if(TENON_POISON)
  add_compile_definitions(TENON_POISON=1)
endif()
if(TENON_SANITIZER)
  add_compile_definitions(TENON_SANITIZE=1)
  if(TENON_SANITIZER STREQUAL "thread")
    add_compile_definitions(TENON_TSAN=1)
  endif()
  add_compile_options(-fsanitize=${TENON_SANITIZER} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TENON_SANITIZER})
endif()
