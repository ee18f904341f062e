#include "gateway/first_answer.hpp"

#include <utility>

namespace postern::gateway {

FirstAnswer::FirstAnswer(const boost::asio::any_io_executor& executor, std::chrono::milliseconds patience,
                         std::function<void()> give_up)
    : executor_(executor), patience_(patience), give_up_(std::move(give_up)) {}

void FirstAnswer::asked() {
    if (!is_asked_ && !is_answered_) {
        is_asked_ = true;
        deadline_.emplace(executor_, patience_, give_up_);
    }
}

Result<net::Bytes> FirstAnswer::FromClient::pass(net::Buffer chunk) {
    owner.asked();
    return net::Bytes(chunk);
}

Result<net::Bytes> FirstAnswer::FromBackend::pass(net::Buffer chunk) {
    if (!owner.is_answered_) {
        owner.is_answered_ = true;
        owner.deadline_.reset();
    }
    return net::Bytes(chunk);
}

}  // namespace postern::gateway
