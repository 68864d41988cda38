// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

interface Token {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// What completed sessions have credited to hosts: the part of the deployed HostEarnings' ABI that a node uses, for tests.
contract HostEarnings {
    mapping(address => mapping(address => uint256)) public getBalance;

    receive() external payable {}

    function creditEarnings(address host, uint256 amount, address token) external {
        getBalance[host][token] += amount;
    }

    function withdrawAll(address token) external {
        uint256 amount = getBalance[msg.sender][token];
        require(amount > 0, "No earnings");
        getBalance[msg.sender][token] = 0;
        if (token == address(0)) {
            (bool sent, ) = msg.sender.call{value: amount}("");
            require(sent, "Transfer failed");
        } else {
            require(Token(token).transfer(msg.sender, amount), "Transfer failed");
        }
    }
}

/// What both generations of the JobMarketplace have in common: the part of the deployed contract that a node uses, for
/// tests. Money moves as it does there; there is no governance, no stake and no registry.
abstract contract MarketplaceBase {
    uint256 public constant MIN_PROVEN_TOKENS = 100;
    uint256 public constant PRICE_PRECISION = 1000;
    uint256 public constant feeBasisPoints = 1000;
    uint256 public disputeWindow = 30;
    address public treasury;
    HostEarnings public hostEarnings;
    uint256 public nextJobId = 1;

    /// The 18 fields of a session, in the order in which February's contract answers them.
    struct Job {
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
        uint256 proofTimeoutWindow;
        uint8 status;
        uint256 withdrawnByHost;
        uint256 refundedToUser;
        string conversationCID;
        bytes32 lastProofHash;
        string lastProofCID;
    }
    mapping(uint256 => Job) internal jobs;
    mapping(uint256 => bytes32) public sessionModel;
    mapping(bytes32 => bool) internal usedProofs;

    event SessionJobCreatedForModel(uint256 indexed jobId, address indexed requester, address indexed host, bytes32 modelId, uint256 deposit);
    event ProofSubmitted(uint256 indexed jobId, address indexed host, uint256 tokensClaimed, bytes32 proofHash, string proofCID, string deltaCID);
    event SessionCompleted(uint256 indexed jobId, uint256 totalTokensUsed, uint256 hostEarnings, uint256 userRefund);
    event SessionTimedOut(uint256 indexed jobId, uint256 hostEarnings, uint256 userRefund);

    constructor() {
        treasury = msg.sender;
        hostEarnings = new HostEarnings();
    }

    function setDisputeWindow(uint256 seconds_) external {
        disputeWindow = seconds_;
    }

    function make(address host, bytes32 model, address token, uint256 deposit, uint256 price, uint256 maxDuration, uint256 proofInterval,
        uint256 timeoutWindow) internal returns (uint256 id) {
        require(price > 0 && host != address(0), "Invalid job");
        id = nextJobId++;
        Job storage job = jobs[id];
        job.id = id;
        job.depositor = msg.sender;
        job.host = host;
        job.paymentToken = token;
        job.deposit = deposit;
        job.pricePerToken = price;
        job.maxDuration = maxDuration;
        job.startTime = block.timestamp;
        job.lastProofTime = block.timestamp;
        job.proofInterval = proofInterval;
        job.proofTimeoutWindow = timeoutWindow;
        sessionModel[id] = model;
        emit SessionJobCreatedForModel(id, msg.sender, host, model, deposit);
    }

    function take(address token, uint256 amount) internal {
        require(Token(token).transferFrom(msg.sender, address(this), amount), "Deposit failed");
    }

    function prove(uint256 id, uint256 tokens, bytes32 hash, string calldata proofCID, string calldata deltaCID) internal {
        Job storage job = jobs[id];
        require(job.host != address(0) && job.status == 0, "Session not active");
        require(msg.sender == job.host, "Only host can submit proof");
        require(tokens >= MIN_PROVEN_TOKENS, "Must claim minimum tokens");
        require(tokens <= (block.timestamp - job.lastProofTime + 1) * 2000, "Excessive tokens claimed");
        require(job.tokensUsed + tokens <= job.deposit * PRICE_PRECISION / job.pricePerToken, "Exceeds deposit");
        require(!usedProofs[hash], "Proof already used");
        usedProofs[hash] = true;
        job.tokensUsed += tokens;
        job.lastProofTime = block.timestamp;
        job.lastProofHash = hash;
        job.lastProofCID = proofCID;
        emit ProofSubmitted(id, msg.sender, tokens, hash, proofCID, deltaCID);
    }

    function completeSessionJob(uint256 id, string calldata conversationCID) external {
        Job storage job = jobs[id];
        require(job.status == 0 && job.host != address(0), "Session not active");
        require(msg.sender == job.depositor || msg.sender == job.host, "Only depositor or host can complete");
        if (msg.sender == job.host) require(block.timestamp >= job.lastProofTime + disputeWindow, "Must wait dispute window");
        job.conversationCID = conversationCID;
        settle(job, 1);
        emit SessionCompleted(id, job.tokensUsed, job.withdrawnByHost, job.refundedToUser);
    }

    function triggerSessionTimeout(uint256 id) external {
        Job storage job = jobs[id];
        require(job.status == 0 && job.host != address(0), "Session not active");
        require(block.timestamp > job.startTime + job.maxDuration || block.timestamp > job.lastProofTime + job.proofTimeoutWindow, "Not timed out");
        settle(job, 2);
        emit SessionTimedOut(id, job.withdrawnByHost, job.refundedToUser);
    }

    function settle(Job storage job, uint8 status) private {
        job.status = status;
        uint256 payment = job.tokensUsed * job.pricePerToken / PRICE_PRECISION;
        uint256 fee = payment * feeBasisPoints / 10000;
        job.withdrawnByHost = payment - fee;
        job.refundedToUser = job.deposit - payment;
        pay(job.paymentToken, treasury, fee);
        pay(job.paymentToken, address(hostEarnings), payment - fee);
        hostEarnings.creditEarnings(job.host, payment - fee, job.paymentToken);
        pay(job.paymentToken, job.depositor, job.deposit - payment);
    }

    function pay(address token, address to, uint256 amount) private {
        if (amount == 0) return;
        if (token == address(0)) {
            (bool sent, ) = to.call{value: amount}("");
            require(sent, "Transfer failed");
        } else {
            require(Token(token).transfer(to, amount), "Transfer failed");
        }
    }

    /// The values one after another, as a public mapping of structs gives them: a struct's encoding without its offset.
    function answerFlat(bytes memory encoded) internal pure {
        assembly {
            return(add(encoded, 64), sub(mload(encoded), 32))
        }
    }
}
