#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "node/settings_loader.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

const std::string kKey = "0x" + std::string(64, 'a');

class SettingsTest : public testing::Test {
  protected:
    SettingsTest() { sources_.usual_env_file = folder_.path() / ".env"; }
    void env_file(const std::string& text) const { write(".env", text); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_.path() / name) << text;
    }
    std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
    Settings load() const { return load_settings(sources_).values; }

    // Code and message of the refusal; "" when there is none.
    std::string refusal() const {
        try {
            load();
            return "";
        } catch (const Error& error) {
            return std::string(to_string(error.code())) + ": " + error.for_people();
        }
    }
    void expect_refusal(const std::string& code, const std::string& mentions) const {
        const std::string text = refusal();
        EXPECT_TRUE(text.starts_with(code)) << text;
        EXPECT_NE(text.find(mentions), std::string::npos) << text;
    }

    test::TemporaryFolder folder_;
    SettingSources sources_;
};

TEST_F(SettingsTest, AByteOrderMarkIsNoPartOfTheFirstName) {
    env_file(
        "\xEF\xBB\xBF"
        "API_PORT=1000\nGPTOSS_THREADS=3\n");
    EXPECT_EQ(load().port, 1000);
    env_file(
        "API_PORT=1000\n\xEF\xBB\xBF"
        "GPTOSS_THREADS=3\n");
    EXPECT_THROW(load(), Error);
}

TEST_F(SettingsTest, FlagsWinOverEnvironmentOverFileOverDefaults) {
    EXPECT_EQ(load().port, 8080);
    EXPECT_EQ(load().host, "127.0.0.1");
    env_file("API_PORT=1000\nLLAMA_BATCH_SIZE=100\nGPTOSS_THREADS=3\n");
    EXPECT_EQ(load().port, 1000);
    sources_.environment = {{"API_PORT", "2000"}, {"LLAMA_BATCH_SIZE", "200"}, {"HOME", "/x"}};
    EXPECT_EQ(load().port, 2000);
    sources_.flags = {{"API_PORT", "3000"}};
    const LoadedSettings loaded = load_settings(sources_);
    EXPECT_EQ(loaded.values.port, 3000);
    EXPECT_EQ(loaded.values.batch_tokens, 200);
    EXPECT_EQ(loaded.values.threads, 3);
    EXPECT_EQ(loaded.origins.at("API_PORT"), "flag");
    EXPECT_EQ(loaded.origins.at("LLAMA_BATCH_SIZE"), "environment");
    EXPECT_EQ(loaded.origins.at("GPTOSS_THREADS"), ".env line 3");
    EXPECT_FALSE(loaded.origins.contains("GPU_LAYERS"));
}

// The names that deployments of the older node set must all be understood.
TEST_F(SettingsTest, KnowsTheNamesOfExistingDeployments) {
    write("model.gguf", "x");
    env_file(
        "MODEL_PATH=" + path("model.gguf") +
        "\nMAX_CONTEXT_LENGTH=131072\nGPU_LAYERS=99\nLLAMA_BATCH_SIZE=2048\nMODEL_CHAT_TEMPLATE=gpt-oss-20b\n"
        "KV_CACHE_TYPE=f16\nAPI_PORT=8081\nHOST_PRIVATE_KEY=" +
        kKey + "\nOWNER_PRIVATE_KEY=" + kKey +
        "\nRPC_URL=http://127.0.0.1:8545\nCHAIN_ID=84532\nCONTRACT_MODEL_REGISTRY=0x" + std::string(40, '1') +
        "\nS5_SEED_PHRASE=\"one two three\"\nREQUIRE_MODEL_VALIDATION=true\n");
    const Settings settings = load();
    EXPECT_EQ(settings.max_context_length, 131072);
    EXPECT_EQ(settings.gpu_layers, 99);
    EXPECT_EQ(settings.kv_cache_type, model::KvType::f16);
    EXPECT_EQ(settings.host_private_key, kKey);
    EXPECT_EQ(settings.s5_seed_phrase, "one two three");
    EXPECT_EQ(settings.require_model_validation, ValidationMode::require);
}

TEST_F(SettingsTest, OtherNamesOfAChoiceMeanTheSameAndAreShownByTheFirst) {
    env_file("KV_CACHE_TYPE=q8_0\nREQUIRE_MODEL_VALIDATION=0\nGPTOSS_DEVICE=cpu\n");
    const Settings settings = load();
    EXPECT_EQ(settings.kv_cache_type, model::KvType::f8);
    EXPECT_EQ(settings.require_model_validation, ValidationMode::off);
    EXPECT_EQ(settings.device, DeviceChoice::cpu);
    for (const SettingSpec& spec : setting_specs())
        if (spec.name == "KV_CACHE_TYPE") {
            EXPECT_EQ(value_text(settings, spec), "f8");
        }
}

TEST_F(SettingsTest, EightBitsOnFullLayersAloneAreAChoiceOfTheCache) {
    env_file("KV_CACHE_TYPE=f8_full\n");
    const Settings settings = load();
    EXPECT_EQ(settings.kv_cache_type, model::kF8OnFullLayers);
    for (const SettingSpec& spec : setting_specs())
        if (spec.name == "KV_CACHE_TYPE") {
            EXPECT_EQ(value_text(settings, spec), "f8_full");
        }
}

TEST_F(SettingsTest, ReadsEnvFilesAsShellsWriteThem) {
    env_file(
        "# comment\n\n  export API_PORT = 81  # inline\nGPTOSS_MODEL_NAME='a # "
        "b'\nGPTOSS_CORS_ORIGIN=\"*\"\r\n");
    const Settings settings = load();
    EXPECT_EQ(settings.port, 81);
    EXPECT_EQ(settings.model_name, "a # b");
    EXPECT_EQ(settings.cors_origin, "*");
}

TEST_F(SettingsTest, RefusesUnknownNamesAndSuggestsTheNearest) {
    env_file("MAX_CONTEX_LENGTH=5\n");
    expect_refusal("setting_unknown", "Did you mean MAX_CONTEXT_LENGTH?");
    expect_refusal("setting_unknown", ".env line 1");
    env_file("");
    sources_.environment = {{"GPTOSS_PROT", "1"}};
    expect_refusal("setting_unknown", "GPTOSS_PROT");
    sources_.environment = {{"SOMETHING_ELSE", "1"}};
    EXPECT_EQ(refusal(), "");
}

TEST_F(SettingsTest, RefusesValuesItCannotRead) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"API_PORT", "eighty"},
        {"API_PORT", "8080x"},
        {"API_PORT", "70000"},
        {"API_PORT", "-1"},
        {"MAX_CONTEXT_LENGTH", "128k"},
        {"REQUIRE_MODEL_VALIDATION", "maybe"},
        {"MODEL_CHAT_TEMPLATE", "llama2"},
        {"KV_CACHE_TYPE", "q9_9"},
        {"CONTRACT_MODEL_REGISTRY", "0x12"},
        {"GPTOSS_DATE", "22.11.2026"},
        {"GPTOSS_LOG_LEVEL", "loud"},
    };
    for (const auto& [name, value] : wrong) {
        sources_.environment = {{name, value}};
        expect_refusal("setting_invalid", name);
    }
    sources_.environment = {{"MODEL_PATH", "/nowhere/model.gguf"}};
    expect_refusal("file_not_found", "/nowhere/model.gguf");
    sources_.environment.clear();
    for (const char* text : {"API_PORT\n", "=5\n", "API_PORT='80\n", "API_PORT=80\nAPI_PORT=81\n"}) {
        env_file(text);
        EXPECT_TRUE(refusal().starts_with("setting_invalid: .env line")) << text;
    }
    sources_.env_file = path("absent");
    expect_refusal("file_not_found", "absent");
}

TEST_F(SettingsTest, EmptyValuesCountAsNotGiven) {
    sources_.environment = {{"RPC_URL", ""}, {"API_PORT", ""}, {"HOST_PRIVATE_KEY", ""}};
    EXPECT_EQ(load().port, 8080);
}

TEST_F(SettingsTest, RefusesContradictions) {
    sources_.environment = {{"MAX_CONTEXT_LENGTH", "4096"}, {"GPTOSS_CACHE_TOKENS", "1024"}};
    expect_refusal("setting_invalid", "GPTOSS_CACHE_TOKENS");
    sources_.environment = {{"REQUIRE_MODEL_VALIDATION", "1"}};
    expect_refusal("setting_invalid", "RPC_URL");
    sources_.environment = {{"GPTOSS_DEVICE", "cuda"}, {"GPU_LAYERS", "0"}};
    expect_refusal("setting_invalid", "GPU_LAYERS");
    sources_.environment = {{"GPTOSS_DEVICE", "cpu"}, {"GPU_LAYERS", "99"}};
    expect_refusal("setting_invalid", "GPU_LAYERS");
}

TEST_F(SettingsTest, SecretsComeFromFilesAndAreNeverShown) {
    write("key", kKey + "\n");
    sources_.environment = {{"HOST_PRIVATE_KEY_FILE", path("key")},
                            {"RPC_URL", "https://rpc.example/secret-part"}};
    const LoadedSettings loaded = load_settings(sources_);
    EXPECT_EQ(loaded.values.host_private_key, kKey);
    const std::string table = to_table(loaded);
    EXPECT_EQ(table.find(kKey), std::string::npos);
    EXPECT_EQ(table.find("secret-part"), std::string::npos);
    EXPECT_NE(table.find("(set, not shown)"), std::string::npos);
    sources_.environment["HOST_PRIVATE_KEY"] = kKey;
    expect_refusal("setting_invalid", "both");
    sources_.environment = {{"HOST_PRIVATE_KEY", "0xnot-a-key-but-secret"}};
    expect_refusal("setting_invalid", "HOST_PRIVATE_KEY");
    EXPECT_EQ(refusal().find("but-secret"), std::string::npos);
    sources_.environment = {{"HOST_PRIVATE_KEY_FILE", "/nowhere/key"}};
    expect_refusal("setting_invalid", "cannot be read");
}

TEST_F(SettingsTest, TheTableIsSound) {
    std::set<std::string_view> names, flags;
    const Settings defaults;
    for (const SettingSpec& spec : setting_specs()) {
        EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
        EXPECT_EQ(spec.secret, spec.flags.empty()) << spec.name;
        EXPECT_TRUE(spec.help.ends_with('.')) << spec.name;
        std::stringstream list{std::string(spec.flags)};
        for (std::string flag; std::getline(list, flag, ',');) {
            EXPECT_TRUE(flag.starts_with("--")) << flag;
        }
        // Every default is a value that the loader takes.
        const std::string value = value_text(defaults, spec);
        if (spec.name == "MODEL_PATH" || value.empty()) continue;
        SettingSources sources = sources_;
        sources.environment = {{std::string(spec.name), value}};
        EXPECT_NO_THROW(load_settings(sources)) << spec.name;
    }
}

TEST(SettingsDocument, IsWhatTheTableSays) {
    std::ifstream file(std::string(GPTOSS_SOURCE_DIR) + "/docs/settings.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text, settings_markdown()) << "run: gpt-oss-node serve --settings-markdown > docs/settings.md";
}

}  // namespace
}  // namespace gptoss::node
