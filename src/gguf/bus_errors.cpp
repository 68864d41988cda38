#include "gguf/bus_errors.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <utility>

#include "base/check.h"

namespace gptoss::gguf {

// The handler walks these while other threads map and unmap, so that they are never freed, only used again.
struct WatchedRange::Node {
    std::atomic<std::uintptr_t> begin{0}, end{0};  // end is 0 while the node is free or half written
    std::atomic<bool> lost{false};
    Node* next = nullptr;
};

namespace {

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "a signal handler must not wait for a lock");

std::atomic<WatchedRange::Node*> first_node{nullptr};
std::mutex nodes_mutex;  // of those who take and give back nodes; not the handler's
struct sigaction previous_action {};
std::uintptr_t page_bytes = 4096;  // set before the handler is installed

void on_bus_error(int signal, siginfo_t* info, void* context) {
    const int error = errno;
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (WatchedRange::Node* node = first_node.load(); node != nullptr; node = node->next) {
        const std::uintptr_t end = node->end.load();
        if (address < node->begin.load() || address >= end) continue;
        const std::uintptr_t page = address / page_bytes * page_bytes;
        if (::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            break;
        node->lost = true;
        errno = error;
        return;  // the instruction runs again and reads zeros
    }
    if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal, info, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal);
    } else {
        ::signal(SIGBUS, SIG_DFL);  // the instruction runs again and ends the process
    }
}

void install_handler() {
    static const bool installed = [] {
        page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO;
        sigemptyset(&action.sa_mask);
        check(::sigaction(SIGBUS, &action, &previous_action) == 0, "SIGBUS can be handled");
        return true;
    }();
    (void)installed;
}

WatchedRange::Node* take_node() {
    const std::lock_guard lock(nodes_mutex);
    for (WatchedRange::Node* node = first_node.load(); node != nullptr; node = node->next)
        if (node->end == 0) {
            node->end = 1;  // taken; no address lies below 1
            return node;
        }
    auto* node = new WatchedRange::Node;  // kept for good: see above
    node->end = 1;
    node->next = first_node.load();
    first_node = node;
    return node;
}

}  // namespace

WatchedRange::WatchedRange(std::span<const std::byte> pages) {
    if (pages.empty()) return;
    install_handler();
    node_ = take_node();
    node_->lost = false;
    node_->begin = reinterpret_cast<std::uintptr_t>(pages.data());
    node_->end = reinterpret_cast<std::uintptr_t>(pages.data() + pages.size());
}

WatchedRange::~WatchedRange() {
    if (node_ != nullptr) node_->end = 0;
}

WatchedRange::WatchedRange(WatchedRange&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}

WatchedRange& WatchedRange::operator=(WatchedRange&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
}

bool WatchedRange::lost() const {
    return node_ != nullptr && node_->lost;
}

}  // namespace gptoss::gguf
