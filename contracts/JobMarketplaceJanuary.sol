// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./MarketplaceBase.sol";

/// The generation of January 2026: a session has 17 fields, and a proof carries the host's signature over its hash, the
/// host, the tokens and, where the session has one, the model.
contract JobMarketplaceJanuary is MarketplaceBase {
    struct Session {
        uint256 id;
        address depositor;
        address host;
        address paymentToken;
        uint256 deposit;
        uint256 pricePerToken;
        uint256 tokensUsed;
        uint256 maxDuration;
        uint256 startTime;
        uint256 lastProofTime;
        uint256 proofInterval;
        uint8 status;
        uint256 withdrawnByHost;
        uint256 refundedToUser;
        string conversationCID;
        bytes32 lastProofHash;
        string lastProofCID;
    }

    function createSessionJobForModel(address host, bytes32 modelId, uint256 pricePerToken, uint256 maxDuration, uint256 proofInterval)
        external payable returns (uint256) {
        return make(host, modelId, address(0), msg.value, pricePerToken, maxDuration, proofInterval, proofInterval * 3);
    }

    function createSessionJobForModelWithToken(address host, bytes32 modelId, address token, uint256 deposit, uint256 pricePerToken,
        uint256 maxDuration, uint256 proofInterval) external returns (uint256) {
        take(token, deposit);
        return make(host, modelId, token, deposit, pricePerToken, maxDuration, proofInterval, proofInterval * 3);
    }

    function submitProofOfWork(uint256 jobId, uint256 tokensClaimed, bytes32 proofHash, bytes calldata signature, string calldata proofCID,
        string calldata deltaCID) external {
        require(signature.length == 65, "Invalid signature length");
        bytes32 model = sessionModel[jobId];
        bytes32 claim = model == bytes32(0) ? keccak256(abi.encodePacked(proofHash, msg.sender, tokensClaimed))
            : keccak256(abi.encodePacked(proofHash, msg.sender, tokensClaimed, model));
        bytes32 digest = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", claim));
        require(ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64])) == msg.sender, "Invalid proof signature");
        prove(jobId, tokensClaimed, proofHash, proofCID, deltaCID);
    }

    function sessionJobs(uint256 id) external view {
        Job storage job = jobs[id];
        Session memory session;
        session.id = job.host == address(0) ? 0 : id;
        session.depositor = job.depositor;
        session.host = job.host;
        session.paymentToken = job.token;
        session.deposit = job.deposit;
        session.pricePerToken = job.price;
        session.tokensUsed = job.tokensUsed;
        session.maxDuration = job.maxDuration;
        session.startTime = job.startTime;
        session.lastProofTime = job.lastProofTime;
        session.proofInterval = job.proofInterval;
        session.status = job.status;
        session.withdrawnByHost = job.withdrawnByHost;
        session.refundedToUser = job.refundedToUser;
        session.conversationCID = job.conversationCID;
        session.lastProofHash = job.lastProofHash;
        session.lastProofCID = job.lastProofCID;
        answerFlat(abi.encode(session));
    }
}
