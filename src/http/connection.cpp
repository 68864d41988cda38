#include "http/connection.h"

#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/stream_parts.h"

namespace gptoss::http {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;

namespace {
constexpr std::chrono::seconds kGoodbye{1};  // for the peer's part of closing TLS
}  // namespace

Connection::Connection(tcp::socket socket, std::shared_ptr<ssl::context> tls)
    : tcp_(std::move(socket)), tls_context_(std::move(tls)) {
    Problem ignored;
    tcp_.socket().set_option(tcp::no_delay(true), ignored);
    peer_address_ = tcp_.socket().remote_endpoint(ignored).address().to_string();
    if (tls_context_ != nullptr) tls_.emplace(tcp_, *tls_context_);
}

asio::awaitable<Connection::Problem> Connection::handshake() {
    if (!tls_) co_return Problem();
    auto [problem] = co_await tls_->async_handshake(ssl::stream_base::server, kTuple);
    tls_established_ = !problem;
    co_return problem;
}

void Connection::async_read_some(asio::mutable_buffer room, Done done) {
    if (tls_) {
        tls_->async_read_some(room, std::move(done));
    } else {
        tcp_.async_read_some(room, std::move(done));
    }
}

void Connection::async_write_some(const Gathered& bytes, Done done) {
    if (tls_) {
        tls_->async_write_some(bytes, std::move(done));
    } else {
        tcp_.async_write_some(bytes, std::move(done));
    }
}

asio::awaitable<Connection::Piece> Connection::read_some(boost::beast::flat_buffer& buffer,
                                                         std::size_t most_bytes) {
    const asio::mutable_buffer room = buffer.prepare(most_bytes);
    const auto begin = [this, room](auto handler) {
        async_read_some(room, copyable_call(std::move(handler)));
    };
    const auto [problem, size_bytes] =
        co_await asio::async_initiate<decltype(kTuple), void(Problem, std::size_t)>(begin, kTuple);
    co_return Piece{problem, size_bytes};
}

asio::awaitable<Connection::Problem> Connection::write(const std::string& bytes) {
    for (asio::const_buffer rest = asio::buffer(bytes); rest.size() > 0;) {
        const auto begin = [this, rest](auto handler) {
            async_write_some({rest}, copyable_call(std::move(handler)));
        };
        const auto [problem, size_bytes] =
            co_await asio::async_initiate<decltype(kTuple), void(Problem, std::size_t)>(begin, kTuple);
        if (problem) co_return problem;
        rest += size_bytes;
    }
    co_return Problem();
}

void Connection::end_sending() {
    Problem ignored;
    tcp_.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> Connection::close() {
    if (tls_ && tls_established_ && tcp_.socket().is_open()) {
        tcp_.expires_after(kGoodbye);
        co_await tls_->async_shutdown(kTuple);
    }
    Problem ignored;
    tcp_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    tcp_.socket().close(ignored);
}

void Connection::abort() {
    tls_established_ = false;
    Problem ignored;
    tcp_.socket().close(ignored);
}

std::shared_ptr<ssl::context> make_tls_context(const std::string& certificate_file,
                                               const std::string& key_file) {
    for (const std::string& path : {certificate_file, key_file}) {
        if (!std::ifstream(path)) throw Error(ErrorCode::file_not_found, "cannot read " + path);
    }
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    Connection::Problem problem;
    const auto require_good = [&problem](const std::string& what, const char* hint) {
        if (problem) throw Error(ErrorCode::setting_invalid, what + ": " + problem.message(), hint);
    };
    context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                             ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
                         problem);
    context->use_certificate_chain_file(certificate_file, problem);
    require_good(certificate_file + " is no PEM certificate",
                 "It holds the node's certificate first, then those that signed it.");
    context->use_private_key_file(key_file, ssl::context::pem, problem);
    require_good(key_file + " is no PEM key of that certificate", "Both come from the same order.");
    if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
        throw Error(ErrorCode::setting_invalid, key_file + " is not the key of " + certificate_file,
                    "Both come from the same order.");
    }
    return context;
}

}  // namespace gptoss::http
