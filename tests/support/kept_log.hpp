// Keeps the program's log for a test to look at.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace postern::test {

/// Keeps what is logged while it lives, at the default level. Make it before the threads that log; read it
/// and destroy it after they have ended.
class KeptLog {
public:
    KeptLog() {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(told_, true);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
    }
    ~KeptLog() { spdlog::set_default_logger(before_); }
    KeptLog(const KeptLog&) = delete;
    KeptLog& operator=(const KeptLog&) = delete;

    std::string told() const { return told_.str(); }

private:
    std::ostringstream told_;
    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace postern::test
