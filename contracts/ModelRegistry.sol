// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Which model weights are registered: a small contract with the ABI of the deployed ModelRegistry, for tests.
/// Entries can be switched off and on, never changed.
contract ModelRegistry {
    struct Model {
        string huggingfaceRepo;
        string fileName;
        bytes32 sha256Hash;
        uint256 approvalTier;
        bool active;
        uint256 timestamp;
    }

    struct Proposal {
        bytes32 modelId;
        address proposer;
        bytes32 sha256Hash;
        uint256 votesFor;
        uint256 votesAgainst;
        uint256 proposedAt;
        bool executed;
    }

    event ModelAdded(bytes32 indexed modelId, string huggingfaceRepo, string fileName, uint256 tier);
    event ModelDeactivated(bytes32 indexed modelId);
    event ModelReactivated(bytes32 indexed modelId);
    event ModelProposed(bytes32 indexed modelId, address indexed proposer, string huggingfaceRepo);

    address public owner;
    mapping(bytes32 => Model) public models;
    mapping(bytes32 => Proposal) public proposals;
    bytes32[] public modelList;

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    function getModelId(string memory repo, string memory file) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(repo, "/", file));
    }

    function addTrustedModel(string memory repo, string memory file, bytes32 hash) external onlyOwner {
        bytes32 id = getModelId(repo, file);
        require(models[id].timestamp == 0, "Model already exists");
        models[id] = Model(repo, file, hash, 1, true, block.timestamp);
        modelList.push(id);
        emit ModelAdded(id, repo, file, 1);
    }

    function proposeModel(string memory repo, string memory file, bytes32 hash) external {
        bytes32 id = getModelId(repo, file);
        require(models[id].timestamp == 0, "Model already exists");
        require(proposals[id].proposedAt == 0, "Proposal already exists");
        proposals[id] = Proposal(id, msg.sender, hash, 0, 0, block.timestamp, false);
        emit ModelProposed(id, msg.sender, repo);
    }

    function deactivateModel(bytes32 id) external onlyOwner {
        require(models[id].active, "Model not active");
        models[id].active = false;
        emit ModelDeactivated(id);
    }

    function reactivateModel(bytes32 id) external onlyOwner {
        require(models[id].timestamp != 0 && !models[id].active, "Model not inactive");
        models[id].active = true;
        emit ModelReactivated(id);
    }

    function isModelApproved(bytes32 id) external view returns (bool) {
        return models[id].active;
    }

    function isTrustedModel(bytes32 id) external view returns (bool) {
        return models[id].active && models[id].approvalTier == 1;
    }

    function getModelHash(bytes32 id) external view returns (bytes32) {
        return models[id].sha256Hash;
    }

    function getModel(bytes32 id) external view returns (Model memory) {
        return models[id];
    }

    function getAllModels() external view returns (bytes32[] memory) {
        return modelList;
    }
}
