// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./MarketplaceBase.sol";

/// The generation of February 2026: a session has 18 fields, and who sends a proof is enough.
contract JobMarketplace is MarketplaceBase {
    function createSessionJobForModel(address host, bytes32 modelId, uint256 pricePerToken, uint256 maxDuration, uint256 proofInterval,
        uint256 proofTimeoutWindow) external payable returns (uint256) {
        return make(host, modelId, address(0), msg.value, pricePerToken, maxDuration, proofInterval, proofTimeoutWindow);
    }

    function createSessionJobForModelWithToken(address host, bytes32 modelId, address token, uint256 deposit, uint256 pricePerToken,
        uint256 maxDuration, uint256 proofInterval, uint256 proofTimeoutWindow) external returns (uint256) {
        take(token, deposit);
        return make(host, modelId, token, deposit, pricePerToken, maxDuration, proofInterval, proofTimeoutWindow);
    }

    function submitProofOfWork(uint256 jobId, uint256 tokensClaimed, bytes32 proofHash, string calldata proofCID, string calldata deltaCID) external {
        prove(jobId, tokensClaimed, proofHash, proofCID, deltaCID);
    }

    function sessionJobs(uint256 id) external view {
        answerFlat(abi.encode(jobs[id]));
    }
}
