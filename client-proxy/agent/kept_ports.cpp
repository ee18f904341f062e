#include "client-proxy/agent/kept_ports.hpp"

#include <system_error>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "pki/identity.hpp"

namespace postern::client {

std::string boot_id() {
    const auto text = read_file("/proc/sys/kernel/random/boot_id");
    return text ? text->substr(0, text->find('\n')) : std::string();
}

std::string to_json_text(const std::vector<KeptPort>& ports, std::string_view boot) {
    auto list = nlohmann::json::array();
    for (const auto& port : ports) {
        list.push_back({{"service", port.service},
                        {"mode", name(port.mode)},
                        {"postgres", port.is_postgres},
                        {"port", port.number},
                        {"unsafe_any_local_user", port.admits_other_users},
                        {"wanted_so", port.is_wanted_so}});
    }
    const nlohmann::json kept = {{"boot", boot}, {"ports", std::move(list)}};
    return json_file_text(kept);
}

std::vector<KeptPort> kept_ports_from_json(std::string_view text, std::string_view boot) {
    std::vector<KeptPort> ports;
    const auto kept = parse_json(text);
    const bool is_ours = kept.is_object() && kept.contains("boot") && kept["boot"] == std::string(boot);
    if (!is_ours || !kept.contains("ports") || !kept["ports"].is_array()) {
        return ports;
    }
    for (const auto& item : kept["ports"]) {
        try {
            KeptPort port;
            port.service = item.at("service").get<std::string>();
            port.mode =
                item.at("mode").get<std::string>() == "passthrough" ? Mode::passthrough : Mode::end_to_end;
            port.is_postgres = item.at("postgres").get<bool>();
            const auto number = item.at("port").get<std::int64_t>();
            port.admits_other_users = item.at("unsafe_any_local_user").get<bool>();
            // Older agents also stored modes that a gateway had named.
            port.is_wanted_so = item.value("wanted_so", false);
            if (pki::is_resource_name(port.service) && number > 0 && number <= 65535) {
                port.number = static_cast<unsigned short>(number);
                ports.push_back(std::move(port));
            }
        } catch (const nlohmann::json::exception&) {
            continue;
        }
    }
    return ports;
}

std::vector<KeptPort> load_kept_ports(const std::filesystem::path& file) {
    const auto text = read_file(file);
    return text ? kept_ports_from_json(*text, boot_id()) : std::vector<KeptPort>();
}

Result<void> save_kept_ports(const std::filesystem::path& file, const std::vector<KeptPort>& ports) {
    if (ports.empty()) {
        std::error_code ignored;
        std::filesystem::remove(file, ignored);
        return {};
    }
    return write_file(file, to_json_text(ports, boot_id()), 0600);
}

}  // namespace postern::client
