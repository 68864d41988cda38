// Checkpoints: what goes with a proof, when it leaves, and that no word lies open in the ledger's file.
#include "marketplace/checkpoints.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "marketplace/outbox.h"
#include "marketplace/proof_documents.h"
#include "provenance/marketplace/checkpoint.h"
#include "provenance/marketplace/hexadecimal.h"
#include "support/temporary_folder.h"

namespace gptoss::marketplace {
namespace {

namespace chain = provenance::chain;

struct Checkpoint : testing::Test {
    test::TemporaryFolder folder;
    std::filesystem::path path = folder.path() / "ledger.sqlite";
    chain::PrivateKey host{std::string(64, '1'), "a test's key"};
    chain::PrivateKey client{std::string(64, '2'), "a test's key"};
    std::string recovery = provenance::marketplace::to_hexadecimal(client.public_key());
    Ledger ledger{path, BilledTokens::completion};
    std::unique_ptr<Outbox> outbox = std::make_unique<Outbox>(path);
    std::unique_ptr<Checkpoints> checkpoints = std::make_unique<Checkpoints>(path, host, false);

    LedgerProof plan(std::int64_t tokens) {
        const LedgerJob job = *ledger.job("7");
        LedgerProof proof;
        proof.job = "7";
        proof.index = job.proofs;
        proof.tokens = tokens;
        proof.tokens_before = job.proven;
        proof.hash = "0x" + std::to_string(job.proofs);
        return ledger.plan_proof(proof);
    }
    void talk(const std::string& question, const std::string& answer) {
        checkpoints->add_message("7", "user", question, false);
        checkpoints->add_message("7", "assistant", answer, false);
    }
    void SetUp() override {
        ledger.open_job("7", "500", 0);
        ASSERT_TRUE(checkpoints->open("7", "500", recovery));
    }
};

TEST_F(Checkpoint, LeavesWhenItsProofHasArrived) {
    talk("a secret question", "an answer");
    const LedgerProof proof = plan(120);
    const std::string cid = checkpoints->prepare(proof);
    EXPECT_FALSE(cid.empty());
    EXPECT_EQ(checkpoints->prepare(proof), cid);  // the same again, as for a replaced transaction
    checkpoints->settle();
    EXPECT_EQ(outbox->waiting(), 0);
    EXPECT_FALSE(checkpoints->index("500"));
    ledger.proof_arrived(proof);
    checkpoints->settle();
    EXPECT_EQ(outbox->waiting(), 2);

    const auto delta = outbox->next(0);
    ASSERT_TRUE(delta);
    EXPECT_EQ(delta->cid, cid);
    EXPECT_TRUE(delta->path.ends_with("/500/delta_0.json"));
    const auto text = provenance::marketplace::decrypt_delta(nlohmann::json::parse(delta->body), client);
    ASSERT_TRUE(text);
    const auto told = nlohmann::json::parse(*text);
    EXPECT_EQ(told["messages"][0]["content"], "a secret question");
    EXPECT_EQ(told["messages"][1]["role"], "assistant");
    EXPECT_EQ(told["endToken"], 120);
    EXPECT_EQ(checkpoints->index("500")->at("checkpoints")[0]["deltaCid"], cid);

    outbox->failed(*delta, 100);
    EXPECT_TRUE(outbox->next(100)->path.ends_with("/index.json"));  // the other goes on meanwhile
    EXPECT_EQ(outbox->next(101)->number, delta->number);
    outbox->uploaded(*delta);
    EXPECT_EQ(outbox->waiting(), 1);
}

TEST_F(Checkpoint, TellsAgainWhatWentWithADroppedProof) {
    talk("first", "one");
    const LedgerProof dropped = plan(100);
    checkpoints->prepare(dropped);
    ledger.drop_proof(dropped);
    checkpoints->settle();
    talk("second", "two");
    const LedgerProof proof = plan(200);
    checkpoints->prepare(proof);
    ledger.proof_arrived(proof);
    checkpoints->settle();
    const auto delta = outbox->next(0);
    EXPECT_TRUE(delta->path.ends_with("delta_0.json"));
    const auto text = provenance::marketplace::decrypt_delta(nlohmann::json::parse(delta->body), client);
    EXPECT_EQ(nlohmann::json::parse(*text)["messages"].size(), 4U);
}

TEST_F(Checkpoint, CountsOnAfterARestart) {
    for (int place = 0; place < 3; ++place) {
        talk("question " + std::to_string(place), "answer");
        const LedgerProof proof = plan(100);
        checkpoints->prepare(proof);
        ledger.proof_arrived(proof);
        checkpoints = std::make_unique<Checkpoints>(path, host, false);  // killed before it was released
        checkpoints->settle();
        EXPECT_EQ(checkpoints->index("500")->at("checkpoints").size(), static_cast<std::size_t>(place + 1));
    }
    EXPECT_EQ(outbox->waiting(), 4);  // three deltas and the newest index
}

TEST_F(Checkpoint, KeepsNothingInClear) {
    talk("a very secret question", "a very secret answer");
    checkpoints.reset();
    for (const auto& each : std::filesystem::directory_iterator(folder.path())) {
        std::ifstream file(each.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        EXPECT_EQ(bytes.find("very secret"), std::string::npos) << each.path();
    }
}

TEST_F(Checkpoint, IsNotMadeForAClientWithoutAKeyUnlessAskedTo) {
    EXPECT_FALSE(checkpoints->open("8", "501", ""));
    EXPECT_TRUE(Checkpoints(path, host, true).open("8", "501", ""));
}

TEST_F(Checkpoint, IsForgottenWithItsJob) {
    talk("first", "one");
    const LedgerProof proof = plan(100);
    checkpoints->prepare(proof);
    ledger.proof_arrived(proof);
    checkpoints->settle();
    checkpoints->forget({"7"});
    EXPECT_FALSE(checkpoints->index("500"));
    EXPECT_EQ(outbox->waiting(), 2) << "what is on its way arrives";
}

TEST_F(Checkpoint, ProofsDocumentsArePublishedOnceWhenTheyHaveArrived) {
    auto documents = std::make_unique<ProofDocuments>(path);
    const LedgerProof proof = plan(100);
    documents->settle();
    EXPECT_EQ(outbox->waiting(), 0);
    ledger.proof_arrived(proof);
    documents->settle();
    documents->settle();
    documents = std::make_unique<ProofDocuments>(path);  // of another start
    documents->settle();
    EXPECT_EQ(outbox->waiting(), 1);
    const auto file = outbox->next(0);
    EXPECT_EQ(file->path, "home/proofs/job_7_proof_0.json");
    EXPECT_EQ(file->cid, s5_name_of(file->body));
}

}  // namespace
}  // namespace gptoss::marketplace
