#include "amx_emulation.h"

#if defined(__x86_64__)
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace gptoss::backend::cpu::test {
namespace {

// --- what the instructions do (Intel 64 SDM, volume 2) ---

struct Tile {
    int rows = 0, row_bytes = 0;
    std::int8_t bytes[16][64] = {};
};
thread_local bool configured = false;
thread_local Tile tiles[8];

bool load_config(const std::uint8_t* from) {
    if (from[0] != 1 || from[1] != 0) return false;
    for (int i = 2; i < 16; ++i)
        if (from[i] != 0) return false;
    for (int i = 0; i < 16; ++i) {
        const int row_bytes = from[16 + 2 * i] + 256 * from[17 + 2 * i], rows = from[48 + i];
        if (row_bytes > 64 || rows > 16 || (row_bytes == 0) != (rows == 0) || (i >= 8 && rows != 0))
            return false;
        if (i < 8) tiles[i] = {rows, row_bytes, {}};
    }
    configured = true;
    return true;
}

bool is_usable(int tile) {
    return configured && tile < 8 && tiles[tile].rows > 0;
}

bool zero(int tile) {
    if (!is_usable(tile)) return false;
    std::memset(tiles[tile].bytes, 0, sizeof tiles[tile].bytes);
    return true;
}

bool load(int tile, const std::uint8_t* from, std::int64_t stride) {
    if (!zero(tile)) return false;
    for (int row = 0; row < tiles[tile].rows; ++row)
        std::memcpy(tiles[tile].bytes[row], from + row * stride, tiles[tile].row_bytes);
    return true;
}

bool store(int tile, std::uint8_t* to, std::int64_t stride) {
    if (!is_usable(tile)) return false;
    for (int row = 0; row < tiles[tile].rows; ++row)
        std::memcpy(to + row * stride, tiles[tile].bytes[row], tiles[tile].row_bytes);
    return true;
}

// sums[m][n] += a[m][k] . b[k][n], of four signed bytes each
bool multiply(int sums_tile, int a_tile, int b_tile) {
    if (!is_usable(sums_tile) || !is_usable(a_tile) || !is_usable(b_tile)) return false;
    if (sums_tile == a_tile || sums_tile == b_tile || a_tile == b_tile) return false;
    Tile& sums = tiles[sums_tile];
    const Tile &a = tiles[a_tile], &b = tiles[b_tile];
    if (sums.rows != a.rows || sums.row_bytes != b.row_bytes || a.row_bytes != 4 * b.rows) return false;
    for (int m = 0; m < sums.rows; ++m)
        for (int n = 0; n < sums.row_bytes / 4; ++n) {
            std::int32_t sum;
            std::memcpy(&sum, &sums.bytes[m][4 * n], sizeof sum);
            for (int k = 0; k < b.rows; ++k)
                for (int i = 0; i < 4; ++i) sum += a.bytes[m][4 * k + i] * b.bytes[k][4 * n + i];
            std::memcpy(&sums.bytes[m][4 * n], &sum, sizeof sum);
        }
    return true;
}

// --- how they are written: a VEX prefix of three bytes, of the map 0F38, of 128 bits ---

struct Instruction {
    int prefix = 0, opcode = 0, reg = 0, rm = 0, vvvv = 0;
    bool in_memory = false;
    std::uint8_t* address = nullptr;  // for tiles without the index, which is the distance of rows
    std::int64_t index = 0;
    int bytes = 0;
};

std::int64_t register_value(const ucontext_t& context, int number) {
    constexpr int kPlaces[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return context.uc_mcontext.gregs[kPlaces[number]];
}

bool decode(const ucontext_t& context, Instruction& out) {
    const auto* code = reinterpret_cast<const std::uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
    if (code[0] != 0xC4 || (code[1] & 31) != 2 || (code[2] & 0x84) != 0) return false;
    const int x = (code[1] & 0x40) != 0 ? 0 : 8, b = (code[1] & 0x20) != 0 ? 0 : 8;
    const int mod = code[4] >> 6;
    out = {code[2] & 3, code[3], code[4] >> 3 & 7, code[4] & 7, 15 - (code[2] >> 3 & 15)};
    out.in_memory = mod != 3;
    out.bytes = 5;
    if (!out.in_memory) return true;
    std::int64_t base = 0;
    bool far = mod == 2;
    if (out.rm == 4) {
        const int sib = code[out.bytes++], index = (sib >> 3 & 7) + x;
        if (index != 4) out.index = register_value(context, index) << (sib >> 6);
        if (mod == 0 && (sib & 7) == 5)
            far = true;
        else
            base = register_value(context, (sib & 7) + b);
    } else if (mod == 0 && out.rm == 5) {
        far = true;
        base = context.uc_mcontext.gregs[REG_RIP] + out.bytes + 4;
    } else {
        base = register_value(context, out.rm + b);
    }
    std::int32_t distance = 0;
    if (far) std::memcpy(&distance, code + out.bytes, sizeof distance);
    if (mod == 1) distance = static_cast<std::int8_t>(code[out.bytes]);
    out.bytes += far ? 4 : mod == 1 ? 1 : 0;
    out.address = reinterpret_cast<std::uint8_t*>(base + distance);
    return true;
}

bool execute(const Instruction& instruction) {
    enum { kNone = 0, kF3 = 2, kF2 = 3 };
    const auto is = [&](int prefix, int opcode, bool in_memory) {
        return instruction.prefix == prefix && instruction.opcode == opcode &&
               instruction.in_memory == in_memory;
    };
    if (is(kNone, 0x49, true)) return load_config(instruction.address + instruction.index);
    if (is(kNone, 0x49, false)) {  // TILERELEASE
        configured = false;
        return true;
    }
    if (is(kF2, 0x49, false)) return zero(instruction.reg);
    if (is(kF2, 0x4B, true)) return load(instruction.reg, instruction.address, instruction.index);
    if (is(kF3, 0x4B, true)) return store(instruction.reg, instruction.address, instruction.index);
    if (is(kF2, 0x5E, false)) return multiply(instruction.reg, instruction.rm, instruction.vvvv);
    return false;
}

void on_illegal_instruction(int, siginfo_t*, void* context_of_thread) {
    auto& context = *static_cast<ucontext_t*>(context_of_thread);
    Instruction instruction;
    if (decode(context, instruction) && execute(instruction)) {
        context.uc_mcontext.gregs[REG_RIP] += instruction.bytes;
        return;
    }
    constexpr char kText[] = "an instruction that is none of AMX's, or one that they forbid here\n";
    (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
    signal(SIGILL, SIG_DFL);  // it traps again, and the process ends
}

}  // namespace

void emulate_amx() {
    struct sigaction action = {};
    action.sa_sigaction = on_illegal_instruction;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
}

}  // namespace gptoss::backend::cpu::test
#endif
