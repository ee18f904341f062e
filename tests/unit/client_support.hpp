// What the client's unit tests share: a folder, a profile, and people with logins.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/login.hpp"
#include "support/odd_certificates.hpp"

namespace postern::client {

using namespace std::chrono_literals;

inline SystemTime now() {
    return system_clock()();
}

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "postern-client.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline nlohmann::json catalogue_json() {
    return {{"gateways", {{{"name", "gw1"}, {"address", "gw1.example.org:7443"}}}},
            {"services",
             {{{"name", "orders-db"},
               {"server_name", nullptr},
               {"user_map", false},
               {"protocol", "postgres"},
               {"mode", "end_to_end"}},
              {{"name", "old-db"},
               {"server_name", "db.example.org"},
               {"user_map", true},
               {"protocol", "postgres"},
               {"mode", "passthrough"}},
              {{"name", "cache"},
               {"server_name", nullptr},
               {"user_map", false},
               {"protocol", "tcp"},
               {"mode", "passthrough"}}}},
            {"complete", true}};
}

inline Profile profile() {
    Profile made;
    made.ca_url = "https://ca.example.org:7444";
    made.pin = "sha256:" + std::string(64, 'a');
    made.trust_domain = "example.org";
    made.user = "alice";
    made.groups = {"analysts"};
    made.session_id = "s-1";
    made.session_expires = SystemTime(2'000'000'000s);
    made.catalogue = *catalogue_from_json(catalogue_json());
    return made;
}

struct People {
    test::Authority users = test::make_authority("User CA", now());
    test::Authority servers = test::make_authority("Server CA", now());

    LoginPtr login(SystemTime not_after, std::optional<SystemTime> renew_after = std::nullopt,
                   const std::string& gateway = "127.0.0.1:1",
                   std::optional<SystemTime> session_expires = std::nullopt) const {
        auto profile = test::login_profile("alice", now());
        profile.not_before = not_after - 1h;
        profile.not_after = not_after;
        auto minted = test::mint(profile, users.issuing);
        Catalogue catalogue;
        catalogue.gateways = {{"gw1", gateway}};
        catalogue.services = {{"mapped-db", "", true}};
        net::TlsCredentials credentials{minted->key, {minted->certificate, users.issuing.certificate}};
        return Login::make(credentials, servers.bundle, "example.org", catalogue, {renew_after, session_expires})
            .value();
    }
};

}  // namespace postern::client
