// docs/openapi.json against the router: what is served is told, what is told is served.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "http/node_fixture.h"
#include "node/application/admin_routes.h"
#include "node/application/console_files.h"
#include "node/application/console_parts.h"

namespace gptoss::http {
namespace {

using api::Json;
using node::console_files;
using node::make_admin_routes;
using node::make_routes;

Json document() {
    for (const StaticFile& file : console_files())
        if (file.path == "/openapi.json") return Json::parse(file.bytes);
    return {};
}

// "/v1/models/{id}" -> "/v1/models/*", as the router has it. One asset stands for all: their names change.
std::string pattern(const std::string& path) {
    if (path.starts_with("/assets/")) return "/assets/*";
    return path.substr(0, path.find('{')) + (path.find('{') == std::string::npos ? "" : "*");
}

// "GET /v1/models" -> whether it is answered without a key.
using Endpoints = std::map<std::string, bool>;

Endpoints served() {
    test::Node node;
    node::ConsoleParts parts(node.metrics, {});
    Router router = make_admin_routes(*node.server, node.state, {},
                                      parts.with_routes(make_routes(node.state, node.metrics, true)));
    parts.download.add_routes(router);
    Endpoints endpoints;
    for (const Route& route : router.routes())
        endpoints[route.method + " " + pattern(route.path)] = route.open;
    return endpoints;
}

Endpoints told(const Json& document) {
    Endpoints endpoints;
    for (const auto& path : document["paths"].items()) {
        for (const auto& operation : path.value().items()) {
            std::string method = operation.key();
            std::ranges::transform(method, method.begin(),
                                   [](char c) { return static_cast<char>(c - 'a' + 'A'); });
            const Json& fields = operation.value();
            endpoints[method + " " + pattern(path.key())] =
                fields.contains("security") && fields["security"].empty();
        }
    }
    return endpoints;
}

void collect_references(const Json& value, std::set<std::string>& references) {
    if (value.is_object() && value.contains("$ref")) references.insert(value["$ref"].get<std::string>());
    if (!value.is_structured()) return;
    for (const auto& entry : value.items()) collect_references(entry.value(), references);
}

TEST(OpenApi, TellsEveryRouteAndNoOther) {
    EXPECT_EQ(told(document()), served());
}

TEST(OpenApi, SaysOfEveryOperationWhereItIsServed) {
    const Json whole = document();
    for (const auto& path : whole["paths"].items()) {
        for (const auto& operation : path.value().items())
            EXPECT_EQ(operation.value().contains("servers"), path.key().starts_with("/admin/")) << path.key();
    }
}

TEST(OpenApi, ResolvesAllItsReferences) {
    const Json whole = document();
    std::set<std::string> references;
    collect_references(whole, references);
    EXPECT_GT(references.size(), 20U);
    for (const std::string& reference : references) {
        ASSERT_TRUE(reference.starts_with("#/")) << reference;
        EXPECT_TRUE(whole.contains(Json::json_pointer(reference.substr(1)))) << reference;
    }
    for (const auto& schema : whole["components"]["schemas"].items())
        EXPECT_TRUE(references.contains("#/components/schemas/" + schema.key()))
            << "unused: " << schema.key();
}

TEST(OpenApi, CarriesTheNodesVersion) {
    EXPECT_EQ(document()["info"]["version"], GPTOSS_VERSION);
}

}  // namespace
}  // namespace gptoss::http
