#include "client-proxy/platform/socket_owner.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/unique_fd.hpp"

namespace postern::client {

namespace {

/// The most descriptors that a quick search examines, which takes some milliseconds.
constexpr std::size_t kQuickSearch = 4096;

/// The number of descriptors on each side of the last one found that are examined first.
constexpr int kNextFew = 8;
/// The number of newest process numbers, threads included, that are tried before all processes are listed.
constexpr pid_t kNewest = 16;
constexpr std::size_t kMostClaimedPath = 256;
/// The most descriptors that are examined when a person waits for the answer.
constexpr std::size_t kPatientBudget = 200'000;

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

Folder open_folder(const std::string& path) {
    return Folder(::opendir(path.c_str()), &::closedir);
}

std::string link_of(const std::string& path) {
    std::array<char, 4096> target{};
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

/// The number that the whole name consists of; no value for other names.
std::optional<int> number_in(const char* name) {
    char* end = nullptr;
    const long number = std::strtol(name, &end, 10);
    if (end == name || *end != '\0' || number < 0 || number > 1 << 30) {
        return std::nullopt;
    }
    return static_cast<int>(number);
}

/// The processes of the user, the newest first, because a process that has just connected has often just
/// started.
std::vector<pid_t> processes_of(uid_t uid) {
    std::vector<pid_t> pids;
    const Folder proc = open_folder("/proc");
    if (!proc) {
        return pids;
    }
    while (const dirent* entry = ::readdir(proc.get())) {
        const auto pid = number_in(entry->d_name);
        struct stat info {};
        if (pid && ::fstatat(::dirfd(proc.get()), entry->d_name, &info, 0) == 0 && info.st_uid == uid) {
            pids.push_back(*pid);
        }
    }
    std::sort(pids.begin(), pids.end(), std::greater<>());
    return pids;
}

/// The process number that was assigned last (proc(5), /proc/loadavg); 0 when it is not available.
pid_t newest_process() {
    const UniqueFd file(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
    std::array<char, 128> text{};
    const ssize_t size = file ? ::read(file.get(), text.data(), text.size() - 1) : 0;
    const std::string_view line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return line.empty() ? 0 : static_cast<pid_t>(std::strtol(text.data() + line.rfind(' ') + 1, nullptr, 10));
}

/// The process to which the thread belongs (proc(5), Tgid). /proc also contains threads under their own
/// numbers.
pid_t process_of(pid_t thread) {
    std::ifstream status(fmt::format("/proc/{}/status", thread));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Tgid:")) {
            return static_cast<pid_t>(std::strtol(line.data() + 5, nullptr, 10));
        }
    }
    return thread;
}

}  // namespace

std::string executable_of(pid_t pid) {
    return link_of(fmt::format("/proc/{}/exe", pid));
}

std::string LocalProgram::text() const {
    if (pid != 0) {
        const std::string name = path.substr(path.rfind('/') + 1);
        return fmt::format("{} (pid {})", name.empty() ? "a process" : name, pid);
    }
    const passwd* const user = ::getpwuid(uid);
    return user != nullptr ? fmt::format("a process of {}", user->pw_name) : fmt::format("uid {}", uid);
}

std::string LocalProgram::claims() const {
    if (pid == 0) {
        return {};
    }
    std::string encoded;
    for (const char character : path.substr(0, kMostClaimedPath)) {
        const auto byte = static_cast<unsigned char>(character);
        const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                              (byte >= '0' && byte <= '9') || character == '.' || character == '_' ||
                              character == '-' || character == '/';
        encoded += is_plain ? std::string(1, character) : fmt::format("%{:02X}", byte);
    }
    return fmt::format("pid={}, uid={}, program={}", pid, uid, encoded);
}

bool is_program_named(const std::vector<std::string>& names, const std::string& path) {
    const std::string last = path.substr(path.rfind('/') + 1);
    return !path.empty() && std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return name == path || name == last;
    });
}

bool ProgramFinder::look_near(Found& place, const std::string& wanted) {
    // A pool opens one socket after another, and a process that opens and closes gets the lowest free number.
    for (int step = 0; step < kNextFew; ++step) {
        for (const int fd : {place.fd + step, place.fd - step}) {
            if (fd >= 0 && link_of(fmt::format("/proc/{}/fd/{}", place.pid, fd)) == wanted) {
                place.fd = fd;
                return true;
            }
        }
    }
    return false;
}

bool ProgramFinder::look_into(pid_t pid, const std::string& wanted, std::size_t& budget) {
    const Folder descriptors = open_folder(fmt::format("/proc/{}/fd", pid));
    while (const dirent* entry = descriptors && budget > 0 ? ::readdir(descriptors.get()) : nullptr) {
        const auto fd = number_in(entry->d_name);
        if (!fd) {
            continue;
        }
        --budget;
        if (link_of(fmt::format("/proc/{}/fd/{}", pid, *fd)) == wanted) {
            last_ = {pid, *fd};
            return true;
        }
    }
    return false;
}

pid_t ProgramFinder::find(std::uint64_t inode, uid_t uid, std::size_t budget) {
    const std::string wanted = fmt::format("socket:[{}]", inode);
    if (last_.pid != 0 && look_near(last_, wanted)) {
        return last_.pid;
    }
    // A process that has just started is the most likely one to connect.
    const pid_t newest = newest_process();
    for (pid_t pid = newest; pid > 0 && pid > newest - kNewest; --pid) {
        if (pid != last_.pid && look_into(pid, wanted, budget)) {
            last_.pid = process_of(pid);
            return last_.pid;
        }
    }
    for (const pid_t pid : processes_of(uid)) {
        if (look_into(pid, wanted, budget)) {
            return pid;
        }
    }
    return 0;
}

void find_program(LocalProgram& program, ProgramFinder& programs, std::size_t budget) {
    if (program.pid == 0 && program.inode != 0) {
        program.pid = programs.find(program.inode, program.uid, budget);
    }
    if (program.pid != 0) {
        program.path = executable_of(program.pid);
    }
}

void find_program(LocalProgram& program, ProgramFinder& programs) {
    if (program.path.empty()) {
        find_program(program, programs, kQuickSearch);
    }
}

std::optional<LocalProgram> listener_on(unsigned short port) {
    for (const int family : {AF_INET, AF_INET6}) {
        const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
        struct {
            nlmsghdr header;
            inet_diag_req_v2 request;
        } question{};
        question.header.nlmsg_len = sizeof question;
        question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
        question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        question.request.sdiag_family = static_cast<std::uint8_t>(family);
        question.request.sdiag_protocol = IPPROTO_TCP;
        question.request.idiag_states = 1U << TCP_LISTEN;
        const timeval timeout{1, 0};
        if (!netlink || ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
            ::send(netlink.get(), &question, sizeof question, 0) != static_cast<ssize_t>(sizeof question)) {
            continue;
        }
        alignas(nlmsghdr) std::array<char, 32768> answer{};
        for (bool is_more = true; is_more;) {
            const ssize_t got = ::recv(netlink.get(), answer.data(), answer.size(), 0);
            is_more = got > 0;
            std::size_t at = 0;
            while (is_more && at + sizeof(nlmsghdr) <= static_cast<std::size_t>(got)) {
                nlmsghdr header{};
                std::memcpy(&header, answer.data() + at, sizeof header);
                if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < sizeof header) {
                    is_more = false;
                    break;
                }
                inet_diag_msg message{};
                std::memcpy(&message, answer.data() + at + NLMSG_HDRLEN, sizeof message);
                if (ntohs(message.id.idiag_sport) == port) {
                    LocalProgram program;
                    program.uid = message.idiag_uid;
                    ProgramFinder finder;
                    program.pid = finder.find(message.idiag_inode, program.uid, kPatientBudget);
                    if (program.pid != 0) {
                        program.path = executable_of(program.pid);
                    }
                    return program;
                }
                at += NLMSG_ALIGN(header.nlmsg_len);
            }
        }
    }
    return std::nullopt;
}

}  // namespace postern::client
