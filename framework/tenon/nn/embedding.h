#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

/// The rows of a table that indices name.   x [...] i64 or i32, y [..., embedding_dim]
/// Parameter: weight [num_embeddings, embedding_dim], standard normal.
class Embedding : public Module {
 public:
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, Rng& rng,
            Where where = Where::current());
  Tensor forward(const Tensor& x) override;
  Tensor weight() const { return *weight_; }

 private:
  Tensor* weight_;
};

}  // namespace tenon::nn
