#include "tenon/nn/embedding.h"

#include "tenon/nn/layer_internal.h"
#include "tenon/ops/index.h"

namespace tenon::nn {

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, Rng& rng,
                     Where where) {
  where = detail::construction_site(where);
  check_at_least("Embedding", "num_embeddings", num_embeddings, 1, where);
  check_at_least("Embedding", "embedding_dim", embedding_dim, 1, where);
  weight_ = &register_parameter({"weight", where},
                                Tensor::normal({num_embeddings, embedding_dim}, rng, {}, where));
}

Tensor Embedding::forward(const Tensor& x) { return embedding(*weight_, x, call_site()); }

}  // namespace tenon::nn
