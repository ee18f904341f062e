// The completion token of coroutines: errors are returned as values, not thrown.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::net {

/// Makes `co_await` return a tuple that begins with the error code.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace postern::net
