// A blocking client of WebSockets: Beast's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdint>
#include <string>

namespace gptoss::test {

struct SocketClient {
    explicit SocketClient(std::uint16_t port, int receive_buffer_bytes = 0,
                          const std::string& path = "/socket", const std::string& key = "")
        : stream(context) {
        if (!key.empty()) {
            stream.set_option(boost::beast::websocket::stream_base::decorator(
                [key](boost::beast::websocket::request_type& request) {
                    request.set("Authorization", "Bearer " + key);
                }));
        }
        auto& socket = stream.next_layer();
        socket.open(boost::asio::ip::tcp::v4());
        if (receive_buffer_bytes > 0)
            socket.set_option(boost::asio::socket_base::receive_buffer_size(receive_buffer_bytes));
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        stream.handshake(reply, "localhost", path);
    }
    void send(const std::string& text) { stream.write(boost::asio::buffer(text)); }
    std::string read() {
        boost::beast::flat_buffer buffer;
        stream.read(buffer, problem);
        return problem ? "closed " + std::to_string(stream.reason().code)
                       : boost::beast::buffers_to_string(buffer.data());
    }
    boost::asio::io_context context;
    boost::beast::websocket::stream<boost::asio::ip::tcp::socket> stream;
    boost::beast::websocket::response_type reply;
    boost::system::error_code problem;
};

}  // namespace gptoss::test
