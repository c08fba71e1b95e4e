//! `export_plugin!`: a plugin's traits as a file that any host of the same ABI version loads.

/// Makes the crate (a `cdylib`) a plugin file.
///
/// ```text
/// harness_abi::export_plugin! {
///     runtime: none, // or, say, "libtorch 2.11.0"
///     backbones: { "pixels": Pixels => "the image itself" },
///     strategies: { "nearest-class-mean": NearestClassMean => "distance to each class mean" },
///     metrics: { "best": Best => "the highest entry of the last row" },
/// }
/// ```
///
/// Each entry is the name in a scenario, the type (for a metric, an expression that makes it) and a
/// one-line summary. Names and summaries are string literals. The plugin's name and version are
/// those of its package. A list may be empty but not left out. The [manifest](crate::manifest) also
/// holds the schema of each strategy's and backbone's parameters; see
/// [`parameters`](crate::parameters). The file's panic strategy must be `unwind`: a panic is caught
/// and reported, and `abort` would end the host.
#[macro_export]
macro_rules! export_plugin {
    (
        runtime: $runtime:tt,
        backbones: { $($backbone:literal : $backbone_type:ty => $backbone_summary:literal),* $(,)? },
        strategies: { $($strategy:literal : $strategy_type:ty => $strategy_summary:literal),* $(,)? },
        metrics: { $($metric:literal : $metric_value:expr => $metric_summary:literal),* $(,)? } $(,)?
    ) => {
        #[cfg(panic = "abort")]
        compile_error!("a clbench plugin must be built with panic = \"unwind\"");

        const _: () = {
            const DRAFT: $crate::manifest::Draft = $crate::manifest::Draft {
                plugin: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                runtime: $crate::export_plugin!(@runtime $runtime),
                backbones: &[$($crate::manifest::DraftOffer {
                    name: $backbone,
                    summary: $backbone_summary,
                    parameters: Some(
                        &<<$backbone_type as $crate::Backbone>::Parameters
                            as $crate::parameters::Parameter>::SCHEMA,
                    ),
                }),*],
                strategies: &[$($crate::manifest::DraftOffer {
                    name: $strategy,
                    summary: $strategy_summary,
                    parameters: Some(
                        &<<$strategy_type as $crate::Strategy>::Parameters
                            as $crate::parameters::Parameter>::SCHEMA,
                    ),
                }),*],
                metrics: &[$($crate::manifest::DraftOffer {
                    name: $metric,
                    summary: $metric_summary,
                    parameters: None,
                }),*],
            };

            #[used]
            #[unsafe(link_section = ".clbench")]
            static SECTION: [u8; DRAFT.write::<0>().length()] = DRAFT.write().bytes();

            struct Exports;

            impl $crate::__private::Exports for Exports {
                fn backbone(
                    name: &str,
                    parameters: &[u8],
                    setting: $crate::BackboneSetting,
                ) -> $crate::Result<$crate::wire::BackboneObject> {
                    let _ = (&parameters, &setting);
                    match name {
                        $($backbone => $crate::guard::guard_backbone::<$backbone_type>(parameters, setting),)*
                        _ => Err($crate::__private::no_such("backbone", name)),
                    }
                }

                fn check(
                    name: &str,
                    parameters: &[u8],
                    outline: &$crate::Outline,
                ) -> $crate::Result<$crate::Declaration> {
                    let _ = (&parameters, &outline);
                    match name {
                        $($strategy => $crate::guard::check_strategy::<$strategy_type>(parameters, outline),)*
                        _ => Err($crate::__private::no_such("strategy", name)),
                    }
                }

                fn strategy(
                    name: &str,
                    parameters: &[u8],
                    setting: $crate::Setting,
                ) -> $crate::Result<$crate::wire::StrategyObject> {
                    let _ = (&parameters, &setting);
                    match name {
                        $($strategy => $crate::guard::guard_strategy::<$strategy_type>(parameters, setting),)*
                        _ => Err($crate::__private::no_such("strategy", name)),
                    }
                }

                fn metric(name: &str) -> $crate::Result<$crate::wire::MetricObject> {
                    match name {
                        $($metric => $crate::guard::guard_metric(|| $metric_value),)*
                        _ => Err($crate::__private::no_such("metric", name)),
                    }
                }
            }

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: $crate::__private::LibHeader =
                $crate::__private::header::<Exports>();
        };
    };
    (@runtime none) => { None };
    (@runtime $runtime:literal) => { Some($runtime) };
}

/// What the macro's expansion names.
#[doc(hidden)]
#[allow(missing_docs)]
pub mod __private {
    use crate::backbone::{BackboneSetting, BackboneSettingJson};
    use crate::error::{Error, RawError, RawResult, Result};
    use crate::foreign::BackboneHandle;
    use crate::guard::{contained, install_hook};
    use crate::host::Host;
    use crate::strategy::{Declaration, Outline, Setting, SettingJson};
    use crate::wire::{
        BackboneObject, HostObject, MetricObject, PluginModule, PluginModuleRef, StrategyObject,
    };
    pub use abi_stable::library::LibHeader;
    use abi_stable::library::{__call_root_module_loader, CheckTypeLayout, RootModuleResult};
    use abi_stable::prefix_type::WithMetadata;
    use abi_stable::std_types::{RSlice, RStr, RVec};

    pub fn no_such(kind: &str, name: &str) -> Error {
        Error::unsupported(format!("this plugin has no {kind} `{name}`"))
    }

    /// What a plugin exports, by name.
    pub trait Exports: 'static {
        fn backbone(
            name: &str,
            parameters: &[u8],
            setting: BackboneSetting,
        ) -> Result<BackboneObject>;
        fn check(name: &str, parameters: &[u8], outline: &Outline) -> Result<Declaration>;
        fn strategy(name: &str, parameters: &[u8], setting: Setting) -> Result<StrategyObject>;
        fn metric(name: &str) -> Result<MetricObject>;
    }

    /// The header that a host looks for.
    pub const fn header<E: Exports>() -> LibHeader {
        // SAFETY: the constructor gives the root module of exactly this type.
        unsafe {
            LibHeader::from_constructor::<PluginModuleRef>(constructor::<E>, CheckTypeLayout::Yes)
        }
    }

    extern "C" fn constructor<E: Exports>() -> RootModuleResult {
        __call_root_module_loader(module::<E>)
    }

    /// The functions of a plugin. No author's code runs here.
    pub fn module<E: Exports>() -> PluginModuleRef {
        install_hook();
        let module = PluginModule {
            backbone: backbone::<E>,
            check: check::<E>,
            strategy: strategy::<E>,
            metric: metric::<E>,
        };
        let module: &'static WithMetadata<PluginModule> =
            Box::leak(Box::new(WithMetadata::new(module)));
        PluginModuleRef(module.static_as_prefix())
    }

    extern "C" fn backbone<E: Exports>(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        setting: RSlice<'_, u8>,
        host: HostObject,
    ) -> RawResult<BackboneObject> {
        raw(contained("create", || {
            let setting: BackboneSettingJson = parse(setting.as_slice())?;
            E::backbone(
                name.as_str(),
                parameters.as_slice(),
                BackboneSetting {
                    device: setting.device,
                    threads: setting.threads,
                    folder: setting.folder,
                    host: Host::from_raw(host),
                },
            )
        }))
    }

    extern "C" fn check<E: Exports>(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        outline: RSlice<'_, u8>,
    ) -> RawResult<RVec<u8>> {
        raw(contained("check", || {
            let declaration = E::check(
                name.as_str(),
                parameters.as_slice(),
                &parse(outline.as_slice())?,
            )?;
            serde_json::to_vec(&declaration)
                .map(RVec::from)
                .map_err(|error| Error::failed(error.to_string()))
        }))
    }

    extern "C" fn strategy<E: Exports>(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        setting: RSlice<'_, u8>,
        backbones: RVec<BackboneObject>,
        host: HostObject,
    ) -> RawResult<StrategyObject> {
        raw(contained("create", || {
            let setting: SettingJson = parse(setting.as_slice())?;
            E::strategy(
                name.as_str(),
                parameters.as_slice(),
                Setting {
                    seed: setting.seed,
                    tasks: setting.tasks,
                    classes: setting.classes,
                    device: setting.device,
                    threads: setting.threads,
                    folder: setting.folder,
                    backbones: backbones
                        .into_iter()
                        .map(BackboneHandle::from_raw)
                        .collect::<Result<_>>()?,
                    host: Host::from_raw(host),
                },
            )
        }))
    }

    extern "C" fn metric<E: Exports>(name: RStr<'_>) -> RawResult<MetricObject> {
        raw(contained("create", || E::metric(name.as_str())))
    }

    fn raw<T>(result: Result<T>) -> RawResult<T> {
        result.map_err(RawError::from).into()
    }

    fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T> {
        serde_json::from_slice(json)
            .map_err(|error| Error::failed(format!("the host's setting: {error}")))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_has_the_name_that_a_host_looks_for() {
        assert_eq!(
            crate::foreign::HEADER_SYMBOL,
            b"_1as_0lib_1header_0root_bmodule_bloader\0"
        );
    }
}
