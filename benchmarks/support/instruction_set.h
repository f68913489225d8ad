#pragma once

namespace tenon::benchmarks {

/// Keeps kernels and oneDNN from everything beyond AVX2, for figures of such machines on a newer
/// one. To be called before the first operation.
void limit_to_avx2();

}  // namespace tenon::benchmarks
