// What Asio hands down as templates, as values of one type. Sockets and TLS are templates of their handlers and buffers,
// and each type of these takes a compiler seconds.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace gptoss {

// A call that a std::function can hold: handlers can only be moved, and it wants to copy.
template <class Handler>
auto copyable_call(Handler&& handler) {
    return [kept = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler))](
               auto&&... results) { (*kept)(std::forward<decltype(results)>(results)...); };
}

// The first parts that are not empty. To read or write some, some parts are enough.
template <class Buffer, std::size_t kMost, class Place, class End>
std::array<Buffer, kMost> first_parts(Place place, End end) {
    std::array<Buffer, kMost> parts{};
    for (std::size_t count = 0; count < kMost && place != end; ++place) {
        const Buffer part(*place);
        if (part.size() > 0) parts[count++] = part;
    }
    return parts;
}

}  // namespace gptoss
