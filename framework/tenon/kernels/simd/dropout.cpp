#include "tenon/kernels/simd/dropout.h"

#include <algorithm>
#include <cstring>

// The untuned baseline is SSE4; Ice Lake's extras buy nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tenon/kernels/simd/dropout.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tenon/kernels/simd/line-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::kernels::simd {
namespace HWY_NAMESPACE {

using Words = hn::ScalableTag<std::uint64_t>;  // of a counter, in the lower halves of the lanes
using WordVector = hn::Vec<Words>;

/// a times b of the lower halves.
HWY_INLINE WordVector multiply_lower(WordVector a, WordVector b) {
  const hn::Repartition<std::uint32_t, Words> halves;
  return hn::MulEven(hn::BitCast(halves, a), hn::BitCast(halves, b));
}

void mask_blocks(std::uint64_t key, std::uint64_t block, std::uint64_t high,
                 std::uint64_t threshold, std::int64_t blocks, std::uint8_t* kept) {
  const Words d;
  const hn::RebindToSigned<Words> ds;
  const hn::Rebind<std::uint32_t, Words> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  // The constants of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
  const WordVector multiplier0 = hn::Set(d, std::uint64_t{0xD2511F53}),
                   multiplier1 = hn::Set(d, std::uint64_t{0xCD9E8D57});
  const WordVector lower = hn::Set(d, std::uint64_t{0xffffffff});
  const auto limit = hn::Set(ds, static_cast<std::int64_t>(threshold) - 1);
  for (std::int64_t at = 0; at < blocks; at += lanes) {
    const WordVector index =
        hn::Add(hn::Set(d, block + static_cast<std::uint64_t>(at)), hn::Iota(d, 0));
    // The upper halves of the lanes hold leftovers: multiply_lower does not see them.
    WordVector c0 = index, c1 = hn::ShiftRight<32>(index), c2 = hn::Set(d, high),
               c3 = hn::Set(d, high >> 32);
    auto key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
      const WordVector product0 = multiply_lower(c0, multiplier0);
      const WordVector product1 = multiply_lower(c2, multiplier1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(d, std::uint64_t{key0}));
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(d, std::uint64_t{key1}));
      c1 = product1;
      c3 = product0;
    }
    const auto byte = [=](WordVector word, std::uint64_t one) HWY_ATTR {
      const auto is_kept = hn::Gt(hn::BitCast(ds, hn::And(word, lower)), limit);
      return hn::BitCast(d,
                         hn::IfThenElseZero(is_kept, hn::Set(ds, static_cast<std::int64_t>(one))));
    };
    const WordVector bytes = hn::Or(hn::Or(byte(c0, 1), byte(c1, 1u << 8)),
                                    hn::Or(byte(c2, 1u << 16), byte(c3, 1u << 24)));
    std::uint32_t four[hn::MaxLanes(Words())];
    hn::StoreU(hn::TruncateTo(narrow, bytes), narrow, four);
    std::memcpy(kept + 4 * at, four, 4 * static_cast<std::size_t>(std::min(lanes, blocks - at)));
  }
}

void mask_line(const float* x, const std::uint8_t* kept, float scale, float* y, std::size_t count) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const hn::Rebind<std::uint8_t, Floats> bytes;
  const std::size_t lanes = hn::Lanes(d);
  const FloatVector factor = hn::Set(d, scale);
  const auto masked = [=](FloatVector v, auto flags) HWY_ATTR {
    const auto is_kept = hn::RebindMask(d, hn::Gt(hn::PromoteTo(di, flags), hn::Zero(di)));
    return hn::IfThenElseZero(is_kept, hn::Mul(v, factor));
  };
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(masked(hn::LoadU(d, x + i), hn::LoadU(bytes, kept + i)), d, y + i);
  if (i == count) return;
  std::uint8_t last[hn::MaxLanes(Floats())] = {};
  std::memcpy(last, kept + i, count - i);
  FirstLanes{count - i}.store(masked(FirstLanes{count - i}.load(d, x + i), hn::LoadU(bytes, last)),
                              d, y + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::kernels::simd {

HWY_EXPORT(mask_blocks);
HWY_EXPORT(mask_line);

void dropout_mask(std::uint64_t key, std::uint64_t block, std::uint64_t high,
                  std::uint64_t threshold, std::int64_t blocks, std::uint8_t* kept) {
  HWY_DYNAMIC_DISPATCH(mask_blocks)(key, block, high, threshold, blocks, kept);
}
void apply_mask(const float* x, const std::uint8_t* kept, float scale, float* y,
                std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(mask_line)(x, kept, scale, y, static_cast<std::size_t>(count));
}

}  // namespace tenon::kernels::simd
#endif
