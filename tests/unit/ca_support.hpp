// What the tests of the CA service share: a folder of their own, and a clock that they move.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "ca-service/settled_clock.hpp"
#include "support/kept_log.hpp"

namespace postern::ca::test {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "postern-ca-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline void write(const std::filesystem::path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
}

inline std::string read(const std::filesystem::path& file) {
    std::ostringstream content;
    content << std::ifstream(file, std::ios::binary).rdbuf();
    return content.str();
}

using postern::test::KeptLog;

/// Copies share one time.
class ManualClock {
public:
    explicit ManualClock(SystemTime start)
        : microseconds_(std::make_shared<std::atomic<long long>>(start.time_since_epoch().count())) {}

    SystemTime now() const { return SystemTime(std::chrono::microseconds(*microseconds_)); }
    template <class Duration>
    void advance(Duration by) {
        *microseconds_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
    }
    operator Clock() const {
        return [self = *this] { return self.now(); };
    }

private:
    std::shared_ptr<std::atomic<long long>> microseconds_;
};

/// The same for a clock that nobody sets.
class ManualEvenClock {
public:
    template <class Duration>
    void advance(Duration by) {
        *microseconds_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
    }
    operator EvenClock() const {
        return [time = microseconds_] {
            return std::chrono::steady_clock::time_point(std::chrono::microseconds(*time));
        };
    }

private:
    std::shared_ptr<std::atomic<long long>> microseconds_ =
        std::make_shared<std::atomic<long long>>(1'000'000'000);
};

}  // namespace postern::ca::test
