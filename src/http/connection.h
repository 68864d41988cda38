// A client's connection, plain or inside TLS: what a session needs of it, the same for both.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace gptoss::http {

// Waits for an operation and gives its error code back instead of throwing it.
inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

// One thread at a time, as on a strand. One read and one write may be under way at once.
class Connection {
  public:
    using Problem = boost::system::error_code;
    struct Piece {
        Problem problem;
        std::size_t size_bytes = 0;
    };

    // `tls` null: plain. It is kept as long as the connection, so a renewed certificate disturbs nobody.
    Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

    boost::asio::any_io_executor executor() { return tcp_.get_executor(); }
    const std::string& peer_address() const { return peer_address_; }

    // For the reads and writes that begin from now on; an operation that takes longer fails.
    void expires_after(std::chrono::milliseconds limit) { tcp_.expires_after(limit); }
    void expires_never() { tcp_.expires_never(); }

    boost::asio::awaitable<Problem> handshake();  // at once where there is no TLS
    // At most that many bytes, not committed to the buffer.
    boost::asio::awaitable<Piece> read_some(boost::beast::flat_buffer& buffer, std::size_t most_bytes);
    boost::asio::awaitable<Problem> write(const std::string& bytes);

    // As Asio's streams have them, for what is built upon one. Of one type, whoever waits (stream_parts.h).
    using Done = std::function<void(Problem, std::size_t)>;
    static constexpr std::size_t kParts = 4;
    using Gathered = std::array<boost::asio::const_buffer, kParts>;
    void async_read_some(boost::asio::mutable_buffer room, Done done);
    void async_write_some(const Gathered& bytes, Done done);

    void end_sending();                    // the client sees the end; what it still sends can be read
    boost::asio::awaitable<void> close();  // in good order
    void abort();                          // every operation under way fails

  private:
    boost::beast::tcp_stream tcp_;
    std::shared_ptr<boost::asio::ssl::context> tls_context_;
    std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
    bool tls_established_ = false;
    std::string peer_address_;
};

// The certificate (with its chain) and key in these PEM files. Throws Error(setting_invalid) for files that
// are none or do not belong together, Error(file_not_found) for those that cannot be read.
std::shared_ptr<boost::asio::ssl::context> make_tls_context(const std::string& certificate_file,
                                                            const std::string& key_file);

}  // namespace gptoss::http
