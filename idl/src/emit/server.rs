//! The server stub.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::client::free_name;
use super::contexts;
use super::fields::{Borrow, FieldCode};
use super::pipes::{self, Side};
use super::plan::Plan;
use super::{Generator, docs, given};
use crate::model::{Interface, Notify};

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
        interface: &Interface,
        plans: &[Plan],
    ) -> TokenStream {
        let ServerNames { manager, stub } = names;
        let methods = plans.iter().map(method);
        let about = docs::lines([format!("The manager routines of `{}`.", interface.name)]);
        let facts = facts(interface, plans);
        let blocks = blocks(plans);
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
                #facts

                #blocks

                #dispatch
            }

            #notified
        }
    }
}

/// What a server asks an interface about itself.
pub(super) fn facts(interface: &Interface, plans: &[Plan]) -> TokenStream {
    let strict = interface.has_strict_context_handles.then(|| {
        quote! {
            fn has_strict_context_handles(&self) -> bool {
                true
            }
        }
    });
    let pipes = pipes::shapes(plans);
    quote! {
        fn syntax(&self) -> SyntaxId {
            INTERFACE
        }

        fn operation_count(&self) -> u16 {
            OPERATION_COUNT
        }

        #strict

        #pipes
    }
}

/// Which manager routines block.
fn blocks(plans: &[Plan]) -> Option<TokenStream> {
    let opnums: Vec<_> = plans
        .iter()
        .filter(|plan| plan.blocks())
        .map(|plan| &plan.opnum_ident)
        .collect();
    (!opnums.is_empty()).then(|| {
        quote! {
            fn blocks(&self, opnum: u16) -> bool {
                matches!(opnum, #(#opnums)|*)
            }
        }
    })
}

/// A manager routine.
fn method(plan: &Plan) -> TokenStream {
    let names = plan.argument_names();
    let (context, call) = (free_name("context", &names), free_name("call", &names));
    let lends = plan.reply.is_some();
    let arguments = plan.arguments().map(|field| argument(field, lends));
    let pipes = plan.each_pipe().map(|pipe| {
        let (name, end) = (&pipe.ident, pipe.end(Side::Server));
        let by_reference = plan.blocks().then(|| quote!(&mut));
        quote!(#name: #by_reference #end)
    });
    let arguments = arguments.chain(pipes);
    let deferred = plan.is_async.then(|| {
        let response = plan.response_type();
        quote!(#call: ServerCall<#response>,)
    });
    let lifetime = lends.then(|| quote!(<'a>));
    let (name, output) = (&plan.blocking, output(plan));
    let mut text = docs::text(&plan.docs, &plan.idl_name, &name.to_string());
    let mut add = |line: &str| text.extend([String::new(), line.to_owned()]);
    if plan.is_async {
        add(&format!("`[async]`: completes `{call}`, now or later."));
    }
    if plan.is_maybe {
        add("`[maybe]`: nobody hears of it.");
    }
    if lends {
        add("What is returned may borrow the request.");
    }
    if plan.blocks() {
        add("May block; it runs on the worker pool.");
    }
    text.extend(contexts::docs(plan, &context, ""));
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

/// What a manager routine returns.
fn output(plan: &Plan) -> TokenStream {
    if plan.is_async {
        return quote!(());
    }
    if plan.reply.is_some() {
        return quote!(Cow<'a, [u8]>);
    }
    plan.output()
}

fn dispatch(plans: &[Plan]) -> TokenStream {
    if plans.is_empty() {
        return no_dispatch();
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

/// Of an interface without operations.
pub(super) fn no_dispatch() -> TokenStream {
    quote! {
        fn dispatch(&self, _: Dispatch<'_, '_>) -> Result<(), Status> {
            Err(Status::ProcnumOutOfRange)
        }
    }
}

/// The names of the call and of the manager, which no parameter has.
pub(super) fn variables(plans: &[Plan]) -> (Ident, Ident) {
    let outputs = plans.iter().flat_map(|plan| &plan.response);
    let outputs = outputs.flat_map(|params| &params.fields);
    let names: Vec<_> = plans
        .iter()
        .flat_map(|plan| plan.argument_names())
        .chain(outputs.map(|field| &field.ident))
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
    let Some((notify, notification)) = &plan.notification else {
        return TokenStream::new();
    };
    let (flag, passed, told) = match notify {
        Notify::Plain => (None, None, None),
        Notify::Flag => (
            Some(quote!(let mut was_called = false;)),
            Some(quote!(, &mut was_called)),
            Some(quote!(was_called)),
        ),
    };
    let mut tell = quote!(#manager.#notification(#told););
    if plan.pipes.is_some() {
        tell = quote!(if !#call.is_incomplete() { #tell });
    }
    quote! {
        #opnum => {
            #flag
            let outcome = self.#method(&mut #call #passed);
            #tell
            outcome
        }
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
    free_name("was_called", &plan.argument_names())
}

/// Decodes, calls the manager routine, replies.
fn body(plan: &Plan, call: &Ident, manager: &Ident) -> TokenStream {
    let method = &plan.blocking;
    let names = plan.argument_names();
    let fields: Vec<_> = plan.arguments().map(|field| &field.ident).collect();
    let (deferred, ends) = (free_name("deferred", &names), free_name("pipes", &names));
    let request = plan.request_pattern();
    let decode = match (&plan.pipes, &plan.request) {
        (Some(_), _) if plan.is_async => {
            quote!(let (#request, #deferred, #ends) = #call.defer_with_pipes()?;)
        }
        (Some(_), _) => quote!(let (#request, #ends) = #call.decode_with_pipes()?;),
        (None, Some(_)) => quote!(let #request = #call.decode()?;),
        (None, None) => TokenStream::new(),
    };
    let (told, tell) = given::statement(plan).unzip();
    let told = told.as_ref();
    let mark = matches!(plan.notification, Some((Notify::Flag, _))).then(|| {
        let was_called = was_called(plan);
        quote!(*#was_called = true;)
    });
    let pipes = plan.each_pipe().map(|pipe| {
        let by_reference = plan.blocks().then(|| quote!(&mut));
        let taken = pipe.taken(Side::Server, &ends);
        quote!(#by_reference #taken)
    });
    let arguments = fields.iter().map(|field| quote!(#field)).chain(pipes);
    let context = quote!(#call.context());
    if plan.is_async {
        let defer = plan
            .pipes
            .is_none()
            .then(|| quote!(let #deferred = #call.defer()?;));
        let with_given = told.map(|told| quote!(.with_given(#told)));
        return quote! {
            #decode
            #tell
            #defer
            #manager.#method(#context, #deferred #with_given, #(#arguments),*)
        };
    }
    let invoke = quote!(#manager.#method(#context, #(#arguments),*)?);
    let answer = match (plan.only_output(), &plan.reply) {
        (Some(FieldCode { ident, .. }), Some(reply)) => {
            let replied = given::replied(quote!(#reply { #ident: &#ident }), told);
            quote! {
                let #ident = #invoke;
                #call.reply(&#replied)
            }
        }
        (Some(FieldCode { ident, .. }), None) => {
            let response = plan.response_type();
            let replied = given::replied(quote!(#response { #ident }), told);
            quote! {
                let #ident = #invoke;
                #call.reply(&#replied)
            }
        }
        (None, _) if plan.response.is_none() => quote! {
            #invoke;
            #call.reply(&())
        },
        (None, _) => {
            let replied = given::replied(quote!(response), told);
            quote! {
                let response = #invoke;
                #call.reply(&#replied)
            }
        }
    };
    quote!(#decode #tell #mark #answer)
}
