//! The server stub.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use super::client::free_name;
use super::fields::{Borrow, FieldCode};
use super::plan::{Params, Plan};
use super::{Generator, docs};
use crate::model::Notify;

/// The names of one server stub.
pub(super) struct ServerNames {
    /// The trait.
    pub(super) manager: Ident,
    /// The struct that dispatches.
    pub(super) stub: Ident,
}

impl Generator<'_> {
    /// The trait of the manager routines, and what dispatches to them.
    pub(super) fn server(
        &self,
        names: &ServerNames,
        interface: &str,
        plans: &[Plan],
    ) -> TokenStream {
        let ServerNames { manager, stub } = names;
        let methods = plans.iter().map(method);
        let about = docs::lines([format!("The manager routines of `{interface}`.")]);
        let dispatch = dispatch(plans);
        let notified = notified_routines(names, plans);
        quote! {
            #about
            pub trait #manager: Send + Sync + 'static {
                #(#methods)*
            }

            /// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
            pub fn interface(manager: impl #manager) -> impl Interface {
                #stub(manager)
            }

            struct #stub<M>(M);

            impl<M: #manager> Interface for #stub<M> {
                fn syntax(&self) -> SyntaxId {
                    INTERFACE
                }

                fn operation_count(&self) -> u16 {
                    OPERATION_COUNT
                }

                #dispatch
            }

            #notified
        }
    }
}

/// A manager routine.
fn method(plan: &Plan) -> TokenStream {
    let fields: Vec<&FieldCode> = plan.request.iter().flat_map(Params::arguments).collect();
    let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let (context, call) = (free_name("context", &names), free_name("call", &names));
    let lends = plan.reply.is_some();
    let arguments = fields.iter().map(|field| argument(field, lends));
    let deferred = plan.is_async.then(|| {
        let response = response_type(plan);
        quote!(#call: ServerCall<#response>,)
    });
    let lifetime = lends.then(|| quote!(<'a>));
    let (name, output) = (&plan.blocking, output(plan));
    let mut text = docs::text(&plan.docs, &plan.idl_name, &name.to_string());
    if plan.is_async {
        text.push(String::new());
        text.push(format!("`[async]`: completes `{call}`, now or later."));
    }
    if plan.is_maybe {
        text.push(String::new());
        text.push("`[maybe]`: nobody hears of it.".to_owned());
    }
    if lends {
        text.push(String::new());
        text.push("What is returned may borrow the request.".to_owned());
    }
    let docs = docs::lines(text);
    let notification = notification(plan);
    quote! {
        #docs
        ///
        /// # Errors
        ///
        /// The status becomes a fault for the caller.
        fn #name #lifetime(
            &self,
            #context: &mut CallContext<'_>,
            #deferred
            #(#arguments),*
        ) -> Result<#output, Status>;

        #notification
    }
}

/// What follows a manager routine.
fn notification(plan: &Plan) -> Option<TokenStream> {
    let (notify, name) = plan.notification.as_ref()?;
    let docs = docs::lines([format!(
        "Follows `{}`: its reply is made, or it has failed, perhaps before it was called.",
        plan.idl_name
    )]);
    Some(match notify {
        Notify::Plain => quote!(#docs fn #name(&self);),
        Notify::Flag => quote! {
            #docs
            ///
            /// `was_called`: whether the manager routine was.
            fn #name(&self, was_called: bool);
        },
    })
}

/// A parameter of a manager routine; with the lifetime `'a` if what is returned may borrow it.
fn argument(field: &FieldCode, lends: bool) -> TokenStream {
    let (name, ty) = (&field.ident, &field.ty);
    if field.borrow == Borrow::Nothing || lends {
        return quote!(#name: #ty);
    }
    let borrowed = match field.borrow {
        Borrow::Utf16 => quote!(Utf16Str<'_>),
        _ => quote!(&[u8]),
    };
    if field.is_optional {
        quote!(#name: Option<#borrowed>)
    } else {
        quote!(#name: #borrowed)
    }
}

fn response_type(plan: &Plan) -> TokenStream {
    match &plan.response {
        Some(response) => response.ident.to_token_stream(),
        None => quote!(()),
    }
}

/// What a manager routine returns.
fn output(plan: &Plan) -> TokenStream {
    if plan.is_async {
        return quote!(());
    }
    if plan.reply.is_some() {
        return quote!(Cow<'a, [u8]>);
    }
    match plan.response.as_ref().map(|r| r.fields.as_slice()) {
        Some([only]) => only.ty.clone(),
        _ => response_type(plan),
    }
}

fn dispatch(plans: &[Plan]) -> TokenStream {
    if plans.is_empty() {
        return quote! {
            fn dispatch(&self, _: Dispatch<'_, '_>) -> Result<(), Status> {
                Err(Status::ProcnumOutOfRange)
            }
        };
    }
    let (call, manager) = variables(plans);
    let arms = plans.iter().map(|plan| match plan.notification {
        Some(_) => notified_arm(plan, &call, &manager),
        None => {
            let (opnum, body) = (&plan.opnum_ident, body(plan, &call, &manager));
            quote!(#opnum => { #body })
        }
    });
    quote! {
        fn dispatch(&self, mut #call: Dispatch<'_, '_>) -> Result<(), Status> {
            let Self(#manager) = self;
            match #call.opnum() {
                #(#arms)*
                _ => Err(Status::ProcnumOutOfRange),
            }
        }
    }
}

/// The names of the call and of the manager, which no parameter has.
fn variables(plans: &[Plan]) -> (Ident, Ident) {
    let names: Vec<_> = plans
        .iter()
        .flat_map(|plan| plan.request.iter().chain(&plan.response))
        .flat_map(|params| &params.fields)
        .map(|field| &field.ident)
        .collect();
    (free_name("call", &names), free_name("manager", &names))
}

/// The manager routines that something follows.
fn notified_routines(names: &ServerNames, plans: &[Plan]) -> Option<TokenStream> {
    let (call, manager) = variables(plans);
    let routines: Vec<_> = plans
        .iter()
        .filter_map(|plan| notified_routine(plan, &call, &manager))
        .collect();
    let ServerNames {
        manager: bound,
        stub,
    } = names;
    (!routines.is_empty()).then(|| {
        quote! {
            impl<M: #bound> #stub<M> {
                #(#routines)*
            }
        }
    })
}

/// Runs a manager routine and what follows it.
fn notified_arm(plan: &Plan, call: &Ident, manager: &Ident) -> TokenStream {
    let (opnum, method) = (&plan.opnum_ident, &plan.blocking);
    match &plan.notification {
        Some((Notify::Flag, notification)) => quote! {
            #opnum => {
                let mut was_called = false;
                let outcome = self.#method(&mut #call, &mut was_called);
                #manager.#notification(was_called);
                outcome
            }
        },
        Some((Notify::Plain, notification)) => quote! {
            #opnum => {
                let outcome = self.#method(&mut #call);
                #manager.#notification();
                outcome
            }
        },
        None => TokenStream::new(),
    }
}

/// A manager routine that something follows, whichever way it ends.
fn notified_routine(plan: &Plan, call: &Ident, manager: &Ident) -> Option<TokenStream> {
    let (notify, _) = plan.notification.as_ref()?;
    let (method, body) = (&plan.blocking, body(plan, call, manager));
    let flag = was_called(plan);
    let flag = (*notify == Notify::Flag).then(|| quote!(, #flag: &mut bool));
    Some(quote! {
        fn #method(&self, #call: &mut Dispatch<'_, '_> #flag) -> Result<(), Status> {
            let Self(#manager) = self;
            #body
        }
    })
}

/// The variable that says whether the manager routine was called.
fn was_called(plan: &Plan) -> Ident {
    let arguments = plan.request.iter().flat_map(Params::arguments);
    let names: Vec<_> = arguments.map(|field| &field.ident).collect();
    free_name("was_called", &names)
}

/// Decodes, calls the manager routine, replies.
fn body(plan: &Plan, call: &Ident, manager: &Ident) -> TokenStream {
    let method = &plan.blocking;
    let arguments: Vec<_> = plan
        .request
        .iter()
        .flat_map(Params::arguments)
        .map(|field| &field.ident)
        .collect();
    let decode = plan.request.as_ref().map(|request| {
        let ident = &request.ident;
        let rest = (!request.elided.is_empty()).then(|| quote!(, ..));
        quote!(let #ident { #(#arguments),* #rest } = #call.decode()?;)
    });
    let context = quote!(#call.context());
    let mark = matches!(plan.notification, Some((Notify::Flag, _))).then(|| {
        let was_called = was_called(plan);
        quote!(*#was_called = true;)
    });
    let body = match (&plan.response, &plan.reply) {
        _ if plan.is_async => {
            let deferred = free_name("deferred", &arguments);
            quote! {
                let #deferred = #call.defer()?;
                #manager.#method(#context, #deferred, #(#arguments),*)
            }
        }
        (None, _) => quote! {
            #manager.#method(#context, #(#arguments),*)?;
            #call.reply(&())
        },
        (Some(response), reply) => {
            let ident = &response.ident;
            let invoke = quote!(#manager.#method(#context, #(#arguments),*)?);
            match (&response.fields[..], reply) {
                ([only], Some(reply)) => {
                    let name = &only.ident;
                    quote! {
                        let #name = #invoke;
                        #call.reply(&#reply { #name: &#name })
                    }
                }
                ([only], None) => {
                    let name = &only.ident;
                    quote! {
                        let #name = #invoke;
                        #call.reply(&#ident { #name })
                    }
                }
                _ => quote! {
                    let response = #invoke;
                    #call.reply(&response)
                },
            }
        }
    };
    quote!(#decode #mark #body)
}
