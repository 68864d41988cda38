// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Which hosts serve which models: the part of the deployed NodeRegistry's ABI that a node uses, for tests. There is
/// no stake here, and models need no approval.
contract NodeRegistry {
    event ModelsUpdated(address indexed operator, bytes32[] modelIds);

    mapping(address => bool) public isActiveNode;
    mapping(address => string) private apiUrls;
    mapping(address => bytes32[]) private nodeModels;

    function registerNode(string memory, string memory apiUrl, bytes32[] memory modelIds, uint256, uint256) external {
        require(!isActiveNode[msg.sender], "Already registered");
        require(modelIds.length > 0, "Must support at least one model");
        isActiveNode[msg.sender] = true;
        apiUrls[msg.sender] = apiUrl;
        nodeModels[msg.sender] = modelIds;
    }

    /// Replaces the whole list: who adds one model must send the others too.
    function updateSupportedModels(bytes32[] memory modelIds) external {
        require(isActiveNode[msg.sender], "Not registered");
        require(modelIds.length > 0, "Must support at least one model");
        nodeModels[msg.sender] = modelIds;
        emit ModelsUpdated(msg.sender, modelIds);
    }

    function getNodeModels(address node) external view returns (bytes32[] memory) {
        return nodeModels[node];
    }

    // Of 1000 tokens, in the token's smallest unit; token zero is the chain's own coin.
    mapping(address => mapping(bytes32 => mapping(address => uint256))) public modelTokenPricing;

    function setModelTokenPricing(bytes32 modelId, address token, uint256 price) external {
        require(isActiveNode[msg.sender], "Not registered");
        require(token == address(0) ? price >= 227273 && price <= 22727272727273000 : price >= 1 && price <= 100000000, "Price out of range");
        modelTokenPricing[msg.sender][modelId][token] = price;
    }

    function getNodeApiUrl(address node) external view returns (string memory) {
        return apiUrls[node];
    }

    function nodeSupportsModel(address node, bytes32 id) external view returns (bool) {
        for (uint256 i = 0; i < nodeModels[node].length; i++) {
            if (nodeModels[node][i] == id) return true;
        }
        return false;
    }
}
