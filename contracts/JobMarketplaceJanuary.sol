// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./MarketplaceBase.sol";

/// The generation of January 2026: a session has 17 fields, and a proof carries the host's signature over its hash, the
/// host, the tokens and, where the session has one, the model.
contract JobMarketplaceJanuary is MarketplaceBase {
    uint256 private constant WINDOW = 11;
    uint256 private constant CONVERSATION = 15;
    uint256 private constant PROOF = 17;

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

    /// All fields but proofTimeoutWindow, the twelfth: a word less before the texts, whose places are counted from the start.
    function sessionJobs(uint256 id) external view {
        bytes memory all = abi.encode(jobs[id]);
        bytes memory fewer = new bytes(all.length - 32);
        for (uint256 from = 0; from < all.length; from += 32) {
            if (from == 32 + WINDOW * 32) continue;
            uint256 to = from < 32 + WINDOW * 32 ? from : from - 32;
            uint256 shift = from == 32 + CONVERSATION * 32 || from == 32 + PROOF * 32 ? 32 : 0;
            assembly {
                mstore(add(add(fewer, 32), to), sub(mload(add(add(all, 32), from)), shift))
            }
        }
        answerFlat(fewer);
    }
}
