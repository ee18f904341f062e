// The application_name that Postern's own checks of a service send to PostgreSQL, so that its log, the
// agent's events and the gateway's audit record distinguish them from a person's access. It is only a claim,
// which any program can make.
#pragma once

#include <string_view>

namespace postern::client {

/// The application_name of checks that run no query, and of the query that `postern doctor` runs through
/// psql.
inline constexpr const char* kProbeName = "postern probe";
inline constexpr const char* kDoctorName = "postern doctor";

constexpr bool is_probe(std::string_view application_name) {
    return application_name == kProbeName || application_name == kDoctorName;
}

}  // namespace postern::client
