//! The server stub whose manager routines are async functions.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::client::free_name;
use super::fields::{Borrow, FieldCode};
use super::pipes::Side;
use super::plan::Plan;
use super::server::{ServerNames, facts, variables};
use super::{Generator, contexts, docs, given};
use crate::model::Interface;

impl Generator<'_> {
    /// The trait of the async manager routines, and what dispatches to them.
    pub(super) fn async_server(
        &self,
        names: &ServerNames,
        interface: &Interface,
        plans: &[Plan],
    ) -> TokenStream {
        let ServerNames { manager, stub } = names;
        let methods = plans.iter().map(method);
        let about = docs::lines([
            format!(
                "The manager routines of `{}` as `async fn`s.",
                interface.name
            ),
            String::new(),
            "Each runs on the core that received its call, as".to_owned(),
            "[`Dispatch::spawn`](::annulus::Dispatch::spawn) says, and need not be `Send`. It must"
                .to_owned(),
            "not block. Its arguments are its own.".to_owned(),
        ]);
        let facts = facts(interface, plans);
        let dispatch = dispatch(plans, manager);
        quote! {
            #about
            pub trait #manager: Send + Sync + 'static {
                #(#methods)*
            }

            /// Makes async manager routines an interface that a [`Server`](::annulus::Server) can
            /// offer; not in a [blocking](::annulus::Registration::blocking) registration.
            pub fn interface_async(manager: impl #manager) -> impl Interface {
                #stub(::std::sync::Arc::new(manager))
            }

            struct #stub<M>(::std::sync::Arc<M>);

            impl<M: #manager> Interface for #stub<M> {
                #facts

                #dispatch
            }
        }
    }
}

/// A manager routine.
fn method(plan: &Plan) -> TokenStream {
    let context = free_name("context", &plan.argument_names());
    let arguments = plan.arguments().map(|field| {
        let (name, ty) = (&field.ident, owned_type(field));
        quote!(#name: #ty)
    });
    let pipes = plan.each_pipe().map(|pipe| {
        let (name, end) = (&pipe.ident, pipe.end(Side::Server));
        quote!(#name: #end)
    });
    let arguments = arguments.chain(pipes);
    let (name, output) = (&plan.blocking, plan.output());
    let mut text = docs::text(&plan.docs, &plan.idl_name, &name.to_string());
    if plan.is_maybe {
        text.extend([String::new(), "`[maybe]`: nobody hears of it.".to_owned()]);
    }
    text.extend(contexts::docs(plan, &context, ".await"));
    let docs = docs::lines(text);
    quote! {
        #docs
        ///
        /// # Errors
        ///
        /// The status becomes a fault for the caller.
        fn #name(
            &self,
            #context: AsyncContext,
            #(#arguments),*
        ) -> impl ::std::future::Future<Output = Result<#output, Status>>;
    }
}

/// The type of an argument that outlives the request.
fn owned_type(field: &FieldCode) -> TokenStream {
    let owned = match field.borrow {
        Borrow::Nothing => return field.ty.clone(),
        Borrow::Bytes => quote!(Vec<u8>),
        Borrow::Utf16 => quote!(String),
    };
    if field.is_optional {
        quote!(Option<#owned>)
    } else {
        owned
    }
}

/// `bound`: the trait of the manager.
fn dispatch(plans: &[Plan], bound: &Ident) -> TokenStream {
    if plans.is_empty() {
        return super::server::no_dispatch();
    }
    let (call, manager) = variables(plans);
    let arms = plans.iter().map(|plan| {
        let (opnum, body) = (&plan.opnum_ident, body(plan, &call, (&manager, bound)));
        quote!(#opnum => { #body })
    });
    quote! {
        fn dispatch(&self, mut #call: Dispatch<'_, '_>) -> Result<(), Status> {
            let #manager = ::std::sync::Arc::clone(&self.0);
            match #call.opnum() {
                #(#arms)*
                _ => Err(Status::ProcnumOutOfRange),
            }
        }
    }
}

/// Decodes, and has a future call the manager routine and reply.
fn body(plan: &Plan, call: &Ident, (manager, bound): (&Ident, &Ident)) -> TokenStream {
    let names = plan.argument_names();
    let (context, ends) = (free_name("context", &names), free_name("pipes", &names));
    let method = &plan.blocking;
    let fields = plan.arguments().map(|field| &field.ident);
    let arguments = fields.map(|field| quote!(#field));
    let pipes = plan.each_pipe().map(|pipe| pipe.taken(Side::Server, &ends));
    let arguments = arguments.chain(pipes);
    // What the routine is called may be a method of `Arc` too.
    let invoke = quote!(#bound::#method(&*#manager, #context, #(#arguments),*).await);
    let (told, tell) = given::statement(plan).unzip();
    let answer = match (plan.only_output(), &told) {
        (Some(FieldCode { ident, .. }), told) => {
            let response = plan.response_type();
            let replied = given::replied(quote!(#response { #ident }), told.as_ref());
            quote! {
                let #ident = #invoke?;
                Ok(#replied)
            }
        }
        (None, Some(told)) => {
            let replied = given::replied(quote!(response), Some(told));
            quote! {
                let response = #invoke?;
                Ok(#replied)
            }
        }
        (None, None) => invoke,
    };
    let request = plan.request_pattern();
    if plan.pipes.is_some() {
        let made = plan.arguments().filter_map(|field| own(field, false));
        let checked = plan
            .arguments()
            .filter(|field| field.borrow == Borrow::Utf16);
        let checked = checked.map(|FieldCode { ident, .. }| quote!(let #ident = #ident?;));
        return quote! {
            #call.spawn_with_pipes(|#request, #context, #ends| {
                #(#made)*
                #tell
                async move {
                    #(#checked)*
                    #answer
                }
            })
        };
    }
    let made = plan.arguments().filter_map(|field| own(field, true));
    let decode = plan
        .request
        .is_some()
        .then(|| quote!(let #request = #call.decode()?;));
    quote! {
        #decode
        #(#made)*
        #tell
        #call.spawn(|#context| async move { #answer })
    }
}

/// A statement that makes what an argument borrows its own. Text may be none: that is `checked`
/// here, or later, where there is a future to fail.
fn own(field: &FieldCode, checked: bool) -> Option<TokenStream> {
    let name = &field.ident;
    let text = quote!(#name.to_utf8().map(Cow::into_owned).ok_or(Status::BadStubData));
    let value = match (field.borrow, field.is_optional) {
        (Borrow::Nothing, _) => return None,
        (Borrow::Bytes, false) => quote!(#name.to_vec()),
        (Borrow::Bytes, true) => quote!(#name.map(<[u8]>::to_vec)),
        (Borrow::Utf16, false) => text,
        (Borrow::Utf16, true) => quote!(#name.map(|#name| #text).transpose()),
    };
    let check = (checked && field.borrow == Borrow::Utf16).then(|| quote!(?));
    Some(quote!(let #name = #value #check;))
}
