// The ledger: what is counted, what is claimed of it, and what a node that was killed finds again.
#include "marketplace/ledger.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace gptoss::marketplace {
namespace {

LedgerProof proof_of(const LedgerJob& job, std::int64_t tokens) {
    LedgerProof proof;
    proof.job = job.job;
    proof.index = job.proofs;
    proof.tokens = tokens;
    proof.tokens_before = job.proven;
    proof.hash = "0x" + std::to_string(job.proofs);
    return proof;
}

TEST(Ledger, CountsCompletionTokensOrAll) {
    for (const auto& [billed, expected] :
         {std::pair{BilledTokens::completion, 30}, {BilledTokens::all, 130}}) {
        Ledger ledger("", billed);
        ledger.open_job("7", "s", 0);
        const auto request = ledger.begin_request("7", "nonce");
        ASSERT_TRUE(request);
        ledger.count(*request, 100, 10);
        ledger.count(*request, 100, 10);  // told twice, counted once
        ledger.count(*request, 100, 30);
        EXPECT_EQ(ledger.job("7")->billed, expected);
        EXPECT_EQ(ledger.job("7")->running, 1);
        ledger.end_request(*request, "inf-1");
        EXPECT_EQ(ledger.job("7")->running, 0);
    }
}

TEST(Ledger, TakesANonceOnceAlsoAfterARestart) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "ledger.sqlite";
    {
        Ledger ledger(path, BilledTokens::completion);
        ledger.open_job("7", "s", 0);
        EXPECT_TRUE(ledger.begin_request("7", "a"));
        EXPECT_FALSE(ledger.begin_request("7", "a"));
        EXPECT_TRUE(ledger.begin_request("8", "a"));
    }
    Ledger again(path, BilledTokens::completion);
    EXPECT_FALSE(again.begin_request("7", "a"));
    EXPECT_TRUE(again.begin_request("8", "a"));  // nobody paid for it: its session ended with the node
}

TEST(Ledger, KeepsSoManyJobsThatAreOverAndTheSumsOfAll) {
    Ledger ledger("", BilledTokens::completion);
    for (int number = 1; number <= 5; ++number) {
        const std::string job = std::to_string(number);
        ledger.open_job(job, "s", 0);
        const auto request = ledger.begin_request(job, "nonce");
        ledger.count(*request, 10, 100 * number);
        ledger.end_request(*request, "");
        LedgerProof proof = proof_of(*ledger.job(job), 100);
        proof.hash = "0x" + job;
        ledger.proof_arrived(ledger.plan_proof(proof));
        if (number != 2) ledger.close_job(job, JobState::settled);
    }
    const Ledger::Totals before = ledger.totals();
    EXPECT_TRUE(ledger.prune(4).empty());
    EXPECT_EQ(ledger.prune(2), (std::vector<std::string>{"3", "1"}));
    EXPECT_TRUE(ledger.job("2")) << "it still goes on";
    EXPECT_FALSE(ledger.job("3"));
    EXPECT_TRUE(ledger.requests("3").empty());
    EXPECT_EQ(ledger.prune(0).size(), 2U);
    const Ledger::Totals after = ledger.totals();
    EXPECT_EQ(after.billed, before.billed);
    EXPECT_EQ(after.proven, before.proven);
    EXPECT_EQ(after.proofs, 5);
    EXPECT_EQ(after.unproven, before.unproven) << "only open jobs can still be proven";
}

TEST(Ledger, LetsOneProofOfAJobBeUnderWay) {
    Ledger ledger("", BilledTokens::completion);
    ledger.open_job("7", "s", 0);
    const LedgerProof first = ledger.plan_proof(proof_of(*ledger.job("7"), 100));
    EXPECT_THROW(ledger.plan_proof(proof_of(*ledger.job("7"), 100)), Error);
    ledger.proof_arrived(first);
    EXPECT_EQ(ledger.job("7")->proven, 100);
    EXPECT_EQ(ledger.job("7")->proofs, 1);
    const LedgerProof second = ledger.plan_proof(proof_of(*ledger.job("7"), 50));
    ledger.drop_proof(second);
    EXPECT_EQ(ledger.job("7")->proven, 100);
    EXPECT_EQ(ledger.job("7")->proofs, 2);  // an index is never given twice
    EXPECT_FALSE(ledger.proof_under_way("7"));
}

TEST(Ledger, BelievesWhatTheChainSaysIsProven) {
    Ledger ledger("", BilledTokens::completion);
    ledger.open_job("7", "s", 500);  // proven before this ledger was there
    EXPECT_EQ(ledger.job("7")->unproven(), 0);
    const auto request = ledger.begin_request("7", "n");
    ledger.count(*request, 1, 150);
    EXPECT_EQ(ledger.job("7")->unproven(), 150);
    ledger.set_proven("7", 700);
    EXPECT_EQ(ledger.job("7")->billed, 700);  // nothing is owed, and nothing is claimed again
    ledger.open_job("7", "t", 0);             // a session that goes on changes no count
    EXPECT_EQ(ledger.job("7")->proven, 700);
    EXPECT_EQ(ledger.job("7")->session, "t");
}

TEST(Ledger, FindsAfterACrashWhatWasSignedAndCounted) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "ledger.sqlite";
    {
        Ledger ledger(path, BilledTokens::completion);
        ledger.open_job("7", "s", 0);
        const auto request = ledger.begin_request("7", "n");
        ledger.count(*request, 5, 120);
        const LedgerProof proof = ledger.plan_proof(proof_of(*ledger.job("7"), 120));
        EXPECT_FALSE(ledger.was_signed(proof));
        LedgerTransaction transaction;
        transaction.hash = "0xaa";
        transaction.raw = "0xbb";
        transaction.purpose = "proof";
        transaction.job = "7";
        transaction.proof = proof.number;
        transaction.nonce = 3;
        transaction.fee = "9";
        ledger.add_transaction(transaction);
    }
    Ledger again(path, BilledTokens::completion);
    const auto under_way = again.transactions_under_way();
    ASSERT_EQ(under_way.size(), 1U);
    EXPECT_EQ(under_way[0].raw, "0xbb");
    EXPECT_EQ(under_way[0].nonce, 3);
    EXPECT_EQ(under_way[0].fee, "9");
    EXPECT_TRUE(again.was_signed(*again.proof_under_way("7")));
    EXPECT_EQ(again.job("7")->running, 0);
    again.close_transactions(3, "failed");
    EXPECT_TRUE(again.transactions_under_way().empty());
    EXPECT_EQ(again.totals().failed_transactions, 1);
    EXPECT_EQ(Ledger::read_totals(path).unproven, 120);
}

}  // namespace
}  // namespace gptoss::marketplace
