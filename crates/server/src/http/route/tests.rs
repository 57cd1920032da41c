use super::*;

#[track_caller]
fn check(call: &str, expected: &Route<'_>) {
    let (method, path) = call.split_once(' ').unwrap();
    let method = method.parse().unwrap();
    assert_eq!(&Route::of(&method, path).unwrap(), expected);
}

fn model<'a>(name: &'a str, version: &'a str, call: ModelCall) -> Route<'a> {
    Route::Model { name: Cow::Borrowed(name), version, call }
}

#[test]
fn the_apis_paths() {
    check("GET /v2", &Route::ServerMetadata);
    check("GET /v2/health/live", &Route::ServerLive);
    check("GET /v2/health/ready", &Route::ServerReady);
    check("GET /v2/models/m", &model("m", "", ModelCall::Metadata));
    check("GET /v2/models/m/versions/12", &model("m", "12", ModelCall::Metadata));
    check("GET /v2/models/m/ready", &model("m", "", ModelCall::Ready));
    check("GET /v2/models/m/versions/1/ready", &model("m", "1", ModelCall::Ready));
    check("GET /v2/models/m/config", &model("m", "", ModelCall::Config));
    check("GET /v2/models/m/stats", &model("m", "", ModelCall::Statistics));
    check("GET /v2/models/stats", &Route::AllStatistics);
    check("GET /v2/models/stats/stats", &model("stats", "", ModelCall::Statistics));
    check("POST /v2/models/m/infer", &model("m", "", ModelCall::Infer));
    check("POST /v2/models/m/versions/1/infer", &model("m", "1", ModelCall::Infer));
    check("POST /v2/models/a%2Fb%C3%A9/infer", &model("a/b\u{e9}", "", ModelCall::Infer));
    check("POST /v2/repository/index", &Route::RepositoryIndex { repository: "" });
    check("POST /v2/repository/r/index", &Route::RepositoryIndex { repository: "r" });
    let load = |repository, name| Route::Load { repository, name: Cow::Borrowed(name) };
    check("POST /v2/repository/models/m/load", &load("", "m"));
    check("POST /v2/repository/r/models/m/load", &load("r", "m"));
    let unload = Route::Unload { repository: "", name: Cow::Borrowed("m") };
    check("POST /v2/repository/models/m/unload", &unload);
    check("GET /v2/logging", &Route::ShowLogging);
    check("POST /v2/logging", &Route::ChangeLogging);
}
