// A body for Beast's parser that holds no more than it may: the bytes that have come, up to a limit, for as
// long as the server's budget has room. Beast's own string body claims what the client promises.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional/optional.hpp>
#include <cstdint>
#include <string>

#include "http/body_budget.h"

namespace gptoss::http {

// What reading a body can fail with beside Beast's own errors.
inline boost::system::error_code budget_exhausted() {
    return make_error_code(boost::system::errc::no_buffer_space);
}

struct BoundedBody {
    struct value_type {
        std::string text;
        std::size_t limit_bytes = 0;
        BodyBudget::Share share;
    };

    class reader {
      public:
        template <bool is_request, class Fields>
        reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}

        void init(const boost::optional<std::uint64_t>&, boost::system::error_code& problem) { problem = {}; }

        template <class Buffers>
        std::size_t put(const Buffers& buffers, boost::system::error_code& problem) {
            const std::size_t size_bytes = boost::asio::buffer_size(buffers);
            if (size_bytes > body_.limit_bytes - body_.text.size()) {
                problem = boost::beast::http::error::body_limit;
                return 0;
            }
            if (!body_.share.grow(size_bytes)) {
                problem = budget_exhausted();
                return 0;
            }
            for (const auto buffer : boost::beast::buffers_range_ref(buffers))
                body_.text.append(static_cast<const char*>(buffer.data()), buffer.size());
            problem = {};
            return size_bytes;
        }

        void finish(boost::system::error_code& problem) { problem = {}; }

      private:
        value_type& body_;
    };
};

}  // namespace gptoss::http
