// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Checks a reply's receipt (docs/receipts.md): EIP-712 typed data signed by the host's key.
contract ReceiptChecker {
    struct Receipt {
        string id;
        bytes32 modelId;
        bytes32 compositeHash;
        bytes32 promptHash;
        bytes32 outputHash;
        uint32 promptTokens;
        uint32 reasoningTokens;
        uint32 outputTokens;
        string sampling;
        uint64 seed;
        string nodeVersion;
        uint64 completedAt;
        bytes32 numericsHash;
        bytes32 formHash;
        bytes32 toolsHash;
        bytes32 fingerprintHash;
        string finish;
        uint32 maxTokens;
    }

    /// Of older nodes; the domain says version 1.
    struct ReceiptVersion1 {
        string id;
        bytes32 modelId;
        bytes32 compositeHash;
        bytes32 promptHash;
        bytes32 outputHash;
        uint32 promptTokens;
        uint32 reasoningTokens;
        uint32 outputTokens;
        string sampling;
        uint64 seed;
        string nodeVersion;
        uint64 completedAt;
    }

    bytes32 public constant RECEIPT_TYPE = keccak256(
        "Receipt(string id,bytes32 modelId,bytes32 compositeHash,bytes32 promptHash,bytes32 outputHash,"
        "uint32 promptTokens,uint32 reasoningTokens,uint32 outputTokens,string sampling,uint64 seed,"
        "string nodeVersion,uint64 completedAt,bytes32 numericsHash,bytes32 formHash,bytes32 toolsHash,"
        "bytes32 fingerprintHash,string finish,uint32 maxTokens)"
    );
    bytes32 public constant RECEIPT_TYPE_1 = keccak256(
        "Receipt(string id,bytes32 modelId,bytes32 compositeHash,bytes32 promptHash,bytes32 outputHash,"
        "uint32 promptTokens,uint32 reasoningTokens,uint32 outputTokens,string sampling,uint64 seed,"
        "string nodeVersion,uint64 completedAt)"
    );
    bytes32 public constant DOMAIN_TYPE = keccak256("EIP712Domain(string name,string version,uint256 chainId)");
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// `version`: "1" or "2".
    function domainSeparator(string memory version) public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("gpt-oss-node"), keccak256(bytes(version)), block.chainid));
    }

    // In pieces: more values than the stack takes at once. All are whole words, so joining them is exact.
    function digest(Receipt calldata r) public view returns (bytes32) {
        bytes memory first = abi.encode(
            RECEIPT_TYPE, keccak256(bytes(r.id)), r.modelId, r.compositeHash, r.promptHash, r.outputHash
        );
        bytes memory second = abi.encode(
            r.promptTokens, r.reasoningTokens, r.outputTokens, keccak256(bytes(r.sampling)), r.seed,
            keccak256(bytes(r.nodeVersion)), r.completedAt
        );
        bytes memory third = abi.encode(
            r.numericsHash, r.formHash, r.toolsHash, r.fingerprintHash, keccak256(bytes(r.finish)), r.maxTokens
        );
        return typedDigest("2", bytes.concat(first, second, third));
    }

    function digestVersion1(ReceiptVersion1 calldata r) public view returns (bytes32) {
        bytes memory first = abi.encode(
            RECEIPT_TYPE_1, keccak256(bytes(r.id)), r.modelId, r.compositeHash, r.promptHash, r.outputHash
        );
        bytes memory second = abi.encode(
            r.promptTokens, r.reasoningTokens, r.outputTokens, keccak256(bytes(r.sampling)), r.seed,
            keccak256(bytes(r.nodeVersion)), r.completedAt
        );
        return typedDigest("1", bytes.concat(first, second));
    }

    /// The account that signed; the zero address when nobody did.
    function signerOf(Receipt calldata r, bytes calldata signature) external view returns (address) {
        return signerOfDigest(digest(r), signature);
    }

    function signerOfVersion1(ReceiptVersion1 calldata r, bytes calldata signature) external view returns (address) {
        return signerOfDigest(digestVersion1(r), signature);
    }

    function typedDigest(string memory version, bytes memory words) private view returns (bytes32) {
        return keccak256(abi.encodePacked(bytes2(0x1901), domainSeparator(version), keccak256(words)));
    }

    function signerOfDigest(bytes32 hash, bytes calldata signature) private pure returns (address) {
        if (signature.length != 65) return address(0);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return address(0); // one signature a receipt, not two (EIP-2)
        return ecrecover(hash, uint8(signature[64]), bytes32(signature[0:32]), s);
    }
}
