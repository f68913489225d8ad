#pragma once

#include <png.h>

#include <cstdio>

namespace tenon::data {

/// libpng reports an error by a jump back to the last setjmp, over C++ frames without running their
/// destructors. So what calls it lies in classes that own libpng's structures, in functions that
/// set the jump, have trivial locals alone, and return false after a jump.
struct PngMessage {
  char text[160] = "";
};

[[noreturn]] inline void on_png_error(png_structp png, png_const_charp message) {
  auto* const error = static_cast<PngMessage*>(png_get_error_ptr(png));
  std::snprintf(error->text, sizeof error->text, "%s", message);
  png_longjmp(png, 1);
}
inline void on_png_warning(png_structp, png_const_charp) {}

}  // namespace tenon::data
