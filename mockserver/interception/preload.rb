# Loaded by `ruby -r`: redirects this process's connections to the API's hosts to the mock, whatever
# library makes them. MAXAPI_MOCK is defined in front of this.
require 'socket'
require 'uri'

module MaxapiMockRedirect
  def self.plain(host)
    host.to_s.downcase.chomp('.')
  end

  def self.redirected?(host)
    MAXAPI_MOCK['hosts'].include?(plain(host))
  end

  def self.target(host, port)
    if redirected?(host)
      case port.to_s
      when '443', 'https' then return ['127.0.0.1', MAXAPI_MOCK['tls_port']]
      when '80', 'http' then return MAXAPI_MOCK['mock']
      end
      raise Errno::ECONNREFUSED, "maxapi-mock: #{host} is not at port #{port}; use 443"
    end
    name = plain(host)
    local = ['localhost', '::1', MAXAPI_MOCK['mock'][0]].include?(name) || name.start_with?('127.')
    if ['443', 'https'].include?(port.to_s) && !local && !MAXAPI_MOCK['allow_others']
      raise Errno::ECONNREFUSED, "maxapi-mock: #{host} is not the API; --allow-others lets it pass"
    end
    [host, port]
  end

  module Opened
    def initialize(host, port = nil, *more, **named)
      super(*MaxapiMockRedirect.target(host, port), *more, **named)
    end
  end

  module Connected
    def tcp(host, port, *more, **named, &block)
      super(*MaxapiMockRedirect.target(host, port), *more, **named, &block)
    end
  end

  module Direct
    def find_proxy(*more)
      MaxapiMockRedirect.redirected?(hostname) ? nil : super
    end
  end
end

TCPSocket.prepend(MaxapiMockRedirect::Opened)
Socket.singleton_class.prepend(MaxapiMockRedirect::Connected)
URI::Generic.prepend(MaxapiMockRedirect::Direct)
