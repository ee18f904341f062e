#include "gateway/commands/enroll_command.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "ca_api/enrolment.hpp"
#include "ca_api/first_contact.hpp"
#include "gateway/policy/settings.hpp"
#include "pki/certificate.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"

namespace postern::gateway {

namespace {

/// Checks that the new certificate fits the configuration before it replaces anything.
Result<void> check(const ca_api::Enrolled& enrolled, const Settings& settings) {
    if (enrolled.trust_domain != settings.trust_domain) {
        return Failure{Code::config_invalid,
                       fmt::format("the CA service is of the trust domain {}, [ca] trust_domain is {}",
                                   enrolled.trust_domain, settings.trust_domain)};
    }
    if (auto named = pki::check_server_identity(enrolled.chain.front(), settings.trust_domain,
                                                pki::ServerKind::gateway, settings.name);
        !named) {
        return Failure{Code::config_invalid,
                       fmt::format("the token is not for the gateway '{}' of [gateway] name", settings.name)};
    }
    return {};
}

/// Checks that the files can be written, before the token is used up.
Result<void> check_files(const Settings& settings) {
    for (const auto& path : {settings.key, settings.certificate, settings.user_ca, settings.server_ca}) {
        if (path.has_parent_path()) {
            if (auto made = create_directory(path.parent_path(), 0750); !made) {
                return made;
            }
        }
        if (auto good = FileBatch::check(path); !good) {
            return good;
        }
    }
    return {};
}

Result<void> write(const ca_api::Enrolled& enrolled, const pki::PrivateKey& key, const Settings& settings) {
    const auto key_pem = key.to_pem();
    if (!key_pem) {
        return key_pem.error();
    }
    FileBatch batch;
    if (auto added = batch.add(settings.key, key_pem->reveal(), 0600); !added) {
        return added;
    }
    const std::pair<const std::filesystem::path*, std::string> files[] = {
        {&settings.certificate, pki::to_pem(enrolled.chain)},
        {&settings.user_ca, enrolled.user_ca.pem()},
        {&settings.server_ca, enrolled.server_ca.pem()}};
    for (const auto& [path, content] : files) {
        if (auto added = batch.add(*path, content, 0644); !added) {
            return added;
        }
    }
    return batch.put();
}

}  // namespace

Result<void> enroll(const Enrolment& enrolment) {
    auto settings = Settings::load(enrolment.config);
    if (!settings) {
        return settings.error();
    }
    if (auto checked = check_files(*settings); !checked) {
        return with_context("the token is still good", checked.error());
    }
    http::ClientOptions options;
    options.url = enrolment.ca_url ? enrolment.ca_url->text() : settings->ca_url();
    auto client = ca_api::first_contact(options, enrolment.fingerprint, system_clock()());
    if (!client) {
        return client.error();
    }
    const auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    const auto enrolled = ca_api::enroll(*client, enrolment.token, *key);
    if (!enrolled) {
        return enrolled.error();
    }
    if (auto good = check(*enrolled, *settings); !good) {
        return good;
    }
    return write(*enrolled, *key, *settings);
}

}  // namespace postern::gateway
