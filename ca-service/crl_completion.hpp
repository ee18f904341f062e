// A thread that makes the complete revocation list where that takes long, beside the changes, which do not
// wait for it. It works for a tenth of the time at the most.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

class CrlCompletion {
public:
    /// Fails as Database::open does. `ca` must outlive it.
    static Result<std::unique_ptr<CrlCompletion>> start(const std::filesystem::path& store, Ca& ca);
    /// Waits for the list that is being made.
    ~CrlCompletion();
    CrlCompletion(const CrlCompletion&) = delete;
    CrlCompletion& operator=(const CrlCompletion&) = delete;

private:
    CrlCompletion(store::Database database, Ca& ca);
    void run();
    void complete();

    store::Database database_;
    Ca& ca_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    std::string complaint_;
    std::thread thread_;
};

}  // namespace postern::ca
