#include <cstdio>
#include <filesystem>

#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/login/profile.hpp"

namespace postern::client {

namespace {

// The CA revokes every certificate of the session, so that a copy of one is worth nothing.
Outcome<void> end_session(const ProfileFolder& folder) {
    const auto login = Login::load(folder);
    const auto profile = folder.load();
    if (!login || !profile) {
        return {};
    }
    auto ca = CaClient::make(profile->ca_url, (*login)->server_ca(), profile->trust_domain,
                             (*login)->credentials());
    if (!ca) {
        return ca.error();
    }
    auto ended = ca->logout();
    if (!ended && (ended.error().code == Code::session_ended || ended.error().code == Code::revoked ||
                   ended.error().code == Code::user_disabled)) {
        return {};
    }
    return ended;
}

}  // namespace

int log_out() {
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(local_refusal(folder.error()));
    }
    const auto held = folder->lock("login.lock");
    if (!held) {
        return fail(local_refusal(held.error()));
    }
    const bool was_logged_in = std::filesystem::exists(folder->login_certificate());
    const auto ended = end_session(*folder);
    std::error_code ignored;
    std::filesystem::remove(folder->login_certificate(), ignored);
    std::filesystem::remove(folder->login_key(), ignored);
    if (!ended) {
        Refusal refusal = ended.error();
        refusal.message =
            "the key is deleted here, but the session could not be ended at the CA: " + refusal.message;
        refusal.hint =
            "Copies of the certificate work until it expires. The administrator can end it: postern-ca cert "
            "revoke";
        return fail(refusal);
    }
    std::puts(was_logged_in ? "Logged out. The session and its certificates are worth nothing any more."
                            : "Nobody was logged in.");
    return 0;
}

}  // namespace postern::client
