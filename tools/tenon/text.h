#pragma once

#include <exception>
#include <string>

namespace tenon::cli {

/// What an exception says, without its last line "at train.cpp:20": our line, not the user's.
std::string text_of(const std::exception& error);

/// As a shell takes it for one word.
std::string shell_quoted(const std::string& word);

}  // namespace tenon::cli
