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
    event VoteCast(bytes32 indexed modelId, address indexed voter, uint256 amount, bool support);
    event ProposalExecuted(bytes32 indexed modelId, bool approved);
    event ModelProposed(bytes32 indexed modelId, address indexed proposer, string huggingfaceRepo);

    address public owner;
    mapping(bytes32 => Model) public models;
    mapping(bytes32 => Proposal) public proposals;
    mapping(bytes32 => string[2]) private proposedNames;
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
        proposedNames[id] = [repo, file];
        emit ModelProposed(id, msg.sender, repo);
    }

    /// The deployed contract takes tokens for a vote and waits three days; here a vote is a number.
    function voteOnProposal(bytes32 id, uint256 amount, bool support) external {
        require(proposals[id].proposedAt != 0 && !proposals[id].executed, "No open proposal");
        if (support) proposals[id].votesFor += amount;
        else proposals[id].votesAgainst += amount;
        emit VoteCast(id, msg.sender, amount, support);
    }

    function executeProposal(bytes32 id) external {
        Proposal storage proposal = proposals[id];
        require(proposal.proposedAt != 0 && !proposal.executed, "No open proposal");
        proposal.executed = true;
        bool approved = proposal.votesFor > proposal.votesAgainst;
        if (approved) {
            models[id] = Model(proposedNames[id][0], proposedNames[id][1], proposal.sha256Hash, 2, true, block.timestamp);
            modelList.push(id);
        }
        emit ProposalExecuted(id, approved);
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
