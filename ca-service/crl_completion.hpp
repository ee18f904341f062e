// A thread that signs the complete revocation list where that takes long, so that changes are published
// without waiting for it. It works for at most a tenth of the time.
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

/// Calls CrlPublisher::complete() on its own thread and its own connection to the store.
class CrlCompletion {
public:
    /// Starts the thread. Fails as store::Database::open() does. `ca` must outlive this object.
    static Result<std::unique_ptr<CrlCompletion>> start(const std::filesystem::path& store, Ca& ca);
    /// Waits for a list that is being signed, then joins the thread.
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
