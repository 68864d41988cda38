// Publishes what proofs say: the document whose SHA-256 is a proof's hash goes to S5 when the proof has arrived. The
// chain names it by its identifier there (proofCID).
#pragma once

#include <filesystem>

#include "api/database.h"

namespace gptoss::marketplace {

class ProofDocuments {
  public:
    // The ledger's file, in which the ledger is already.
    explicit ProofDocuments(const std::filesystem::path& path);

    // Puts the documents of proofs that have arrived meanwhile into the outbox, each once. One thread.
    void settle();

  private:
    api::Database database_;
};

}  // namespace gptoss::marketplace
