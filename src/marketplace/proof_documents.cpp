#include "marketplace/proof_documents.h"

#include <string>
#include <vector>

#include "marketplace/outbox.h"

namespace gptoss::marketplace {

ProofDocuments::ProofDocuments(const std::filesystem::path& path) : database_(path, "GPTOSS_LEDGER_PATH") {
    Outbox::make_table(database_);
    // Proofs arrive in another order than they were made in, so that each has its own row.
    database_.run("CREATE TABLE IF NOT EXISTS published_proofs (number INTEGER PRIMARY KEY)");
    database_.run("DELETE FROM published_proofs WHERE number NOT IN (SELECT number FROM proofs)");
}

void ProofDocuments::settle() {
    struct Arrived {
        std::int64_t number = 0, place = 0;
        std::string job, document;
    };
    for (;;) {
        std::vector<Arrived> arrived;
        {
            auto row = database_.prepare(
                "SELECT number, place, job, document FROM proofs WHERE state = 'arrived' AND number NOT IN "
                "(SELECT number FROM published_proofs) ORDER BY number LIMIT 100");
            while (row.step()) arrived.push_back({row.number(0), row.number(1), row.text(2), row.text(3)});
        }
        if (arrived.empty()) return;
        api::Database::Transaction transaction(database_);
        for (const Arrived& proof : arrived) {
            Outbox::put(database_,
                        "home/proofs/job_" + proof.job + "_proof_" + std::to_string(proof.place) + ".json",
                        proof.document, false);
            database_.prepare("INSERT INTO published_proofs VALUES (?)").bind(proof.number).step();
        }
        transaction.commit();
    }
}

}  // namespace gptoss::marketplace
