// make_seeds FOLDER MNIST: what the fuzzers begin with, made from real files. The first byte of
// each says how the fuzzer builds a file from the rest.
#include <tenon/tenon.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fs = std::filesystem;
using namespace tenon;

namespace {

void write(const fs::path& path, char form, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.put(form).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

/// The first bytes of a gzip file, unpacked.
std::string unpack(const fs::path& path, std::size_t size) {
  std::string bytes(size, '\0');
  gzFile file = gzopen(path.c_str(), "rb");
  const int got = file ? gzread(file, bytes.data(), static_cast<unsigned>(size)) : 0;
  if (file) gzclose(file);
  if (got != static_cast<int>(size)) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

void make_idx(const fs::path& folder, const fs::path& mnist) {
  fs::create_directories(folder);
  // The number of images is in byte 7 of those files; here there are two, and of labels fifty.
  std::string images = unpack(mnist / "t10k-images-idx3-ubyte.gz", 16 + 2 * 28 * 28);
  std::string labels = unpack(mnist / "t10k-labels-idx1-ubyte.gz", 8 + 50);
  images.replace(4, 4, std::string("\0\0\0\x02", 4));
  labels.replace(4, 4, std::string("\0\0\0\x32", 4));
  char form = 0;
  for (const std::string name : {"plain", "packed", "packed_twice"}) {
    write(folder / ("images_" + name), form, images);
    write(folder / ("labels_" + name), form++, labels);
  }
  // Three elements of each other type.
  const std::pair<char, std::size_t> widths[] = {
      {0x09, 1}, {0x0b, 2}, {0x0c, 4}, {0x0d, 4}, {0x0e, 8}};
  for (const auto& [type, width] : widths) {
    const std::string header{0, 0, type, 1, 0, 0, 0, 3};
    write(folder / ("type_" + std::to_string(type)), 0, header + std::string(3 * width, '\x9c'));
  }
  // Headers of 67,200 bytes of elements, f64 and i32, which the fuzzer makes.
  write(folder / "many_doubles", 3, std::string("\0\0\x0e\x01\0\0\x20\xd0", 8));
  write(folder / "many_integers", 3, std::string("\0\0\x0c\x01\0\0\x41\xa0", 8));
  write(folder / "labels_gzip", 0, read(mnist / "t10k-labels-idx1-ubyte.gz"));
}

void make_user_block(const fs::path& folder) {
  fs::create_directories(folder);
  Rng rng(1);
  nn::Sequential model;
  model.add<nn::Linear>("linear", 3, 2, rng);
  optim::Adam optimizer(model.parameters());
  const fs::path file = folder / "real.h5";
  save_weights(model, file);
  const std::string weights = read(file);
  save_checkpoint(file, {.model = &model, .optimizer = &optimizer, .rng = &rng});
  const std::string checkpoint = read(file);
  fs::remove(file);
  write(folder / "weights", 0, weights);
  write(folder / "weights_put_right", 7, weights);
  write(folder / "checkpoint", 0, checkpoint);
  write(folder / "hdf5", 0, weights.substr(512));
  write(folder / "without_block", 0, std::string(512, '\0') + weights.substr(512, 100));
  write(folder / "changed", 5, weights + "x");
  write(folder / "cut", 6, weights.substr(0, 600));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: make_seeds FOLDER MNIST");
  const fs::path folder = argv[1];
  make_idx(folder / "idx", argv[2]);
  make_user_block(folder / "user_block");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
